#include "app/completion_table.hpp"

namespace chronoknock::app {

namespace {

constexpr auto profiles = R"fish(
function __chronoknock_profiles
    command chronoknock profile list 2>/dev/null | string replace -r ' .*' ''
end
)fish";

// Before it comes __chronoknock_valued, which prints those options of a command that take a value.
constexpr auto places = R"fish(
# The command line is of COMMAND; with PLACE: and this is its word of that number that is no option.
function __chronoknock_at --argument-names name place
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = $name; or return 1
    test -n "$place"; or return 0
    set -l valued (__chronoknock_valued $name)
    set -l at 1
    set -l is_value no
    set -e words[1..2]
    for word in $words
        if test $is_value = yes
            set is_value no
        else if string match -q -- '-*' $word
            contains -- $word $valued; and set is_value yes
        else
            set at (math $at + 1)
        end
    end
    test $is_value = no -a $at -eq $place
end
)fish";

std::string quoted(const std::string& text) {
    std::string q = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') q += '\\';
        q += c;
    }
    return q + "'";
}

/// What offers what a place may hold; files are offered by -F.
std::string offers(const completion& c) {
    std::string words;
    for (const auto& w : c.words) words += (words.empty() ? "" : " ") + w;
    if (c.profiles) words += words.empty() ? "(__chronoknock_profiles)" : " (__chronoknock_profiles)";
    if (c.folders) words = "(__fish_complete_directories)";
    return (c.files ? " -F" : "") + (words.empty() ? "" : " -a " + quoted(words));
}

std::string at(const std::string& command, std::size_t place = 0) {
    return "complete -c chronoknock -n " +
           quoted("__chronoknock_at " + command + (place == 0 ? "" : " " + std::to_string(place)));
}

} // namespace

std::string fish_completions(const std::vector<completed_command>& commands) {
    std::string out = "# fish: made by `chronoknock completions fish`\n";
    out += profiles;
    out += "\nfunction __chronoknock_valued\n    switch $argv[1]\n";
    for (const auto& c : commands) {
        std::string valued;
        for (const auto& o : c.options)
            if (o.takes_value) valued += (o.letter.empty() ? " " : " " + o.letter + " ") + o.name;
        if (!valued.empty()) out += "        case " + c.name + "\n            printf '%s\\n'" + valued + "\n";
    }
    out += "    end\nend\n";
    out += places;
    out += "\ncomplete -c chronoknock -f\n";
    const std::string first = "complete -c chronoknock -n 'test (count (commandline -opc)) -eq 1'";
    for (const auto& c : commands) out += first + " -a " + c.name + " -d " + quoted(c.help) + "\n";
    out += first + " -s h -l help -d 'show help and exit'\n";
    out += first + " -s V -l version -d 'print the version and exit'\n";
    for (const auto& c : commands) {
        for (const auto& o : c.options) {
            out += at(c.name) + (o.letter.empty() ? "" : " -s " + o.letter.substr(1)) + " -l " +
                   o.name.substr(2) + " -d " + quoted(o.help);
            if (o.takes_value) out += (o.value.files ? " -r" : " -x") + offers(o.value);
            out += "\n";
        }
        for (std::size_t i = 0; i < c.places.size(); ++i)
            if (const auto offered = offers(c.places[i]); !offered.empty())
                out += at(c.name, i + 1) + offered + "\n";
    }
    return out;
}

} // namespace chronoknock::app
