#include "app/completion_table.hpp"

namespace chronoknock::app {

namespace {

constexpr auto profiles = R"zsh(
_chronoknock_profiles() {
    local -a names
    names=(${${(f)"$(_call_program profiles chronoknock profile list 2>/dev/null)"}%% *})
    compadd -- $names
}
)zsh";

constexpr auto end = R"zsh(
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _chronoknock "$@"
else
    compdef _chronoknock chronoknock
fi
)zsh";

std::string quoted(const std::string& text) {
    std::string q = "'";
    for (const char c : text) q += c == '\'' ? "'\\''" : std::string(1, c);
    return q + "'";
}

/// With a backslash before what _arguments and _describe would take for their own.
std::string plain(const std::string& text) {
    std::string p;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') p += '\\';
        p += c;
    }
    return p;
}

std::string words_of(const completion& c) {
    std::string words;
    for (const auto& w : c.words) words += (words.empty() ? "" : " ") + w;
    return "(" + words + ")";
}

/// The message and the action of a place: ":FILE:_files". (Where nothing is known () offers nothing; a blank
/// would keep options from being offered as well.)
std::string spec(const completion& c) {
    std::string action = "()";
    if (!c.words.empty() && c.files)
        action = "{_alternative 'words:word:" + words_of(c) + "' 'files:file:_files'}";
    else if (!c.words.empty())
        action = words_of(c);
    else if (c.files)
        action = "_files";
    else if (c.folders)
        action = "_files -/";
    else if (c.profiles)
        action = "_chronoknock_profiles";
    return ":" + plain(c.label) + ":" + action;
}

std::string spec(const completed_option& o) {
    const auto rest = (o.takes_value ? "=" : "") + ("[" + plain(o.help) + "]") +
                      (o.takes_value ? spec(o.value) : std::string());
    if (o.letter.empty()) return quoted((o.repeats ? "*" : "") + o.name + rest);
    return quoted("(" + o.letter + " " + o.name + ")") + "{" + o.letter + "," + o.name + "}" + quoted(rest);
}

} // namespace

std::string zsh_completions(const std::vector<completed_command>& commands) {
    std::string out = "#compdef chronoknock\n# zsh: made by `chronoknock completions zsh`\n";
    out += profiles;
    out += "\n_chronoknock() {\n"
           "    local -a commands\n"
           "    commands=(\n";
    for (const auto& c : commands) out += "        " + quoted(c.name + ":" + plain(c.help)) + "\n";
    out += "    )\n"
           "    if ((CURRENT == 2)); then\n"
           "        _describe -t commands command commands\n"
           "        [[ $PREFIX != -* ]] || compadd -- --help --version\n"
           "        return\n"
           "    fi\n"
           "    shift words\n"
           "    ((CURRENT--))\n"
           "    case $words[1] in\n";
    for (const auto& c : commands) {
        out += "    (" + c.name + ")\n        _arguments";
        for (const auto& o : c.options) out += " \\\n            " + spec(o);
        std::size_t place = 0;
        for (const auto& p : c.places) {
            ++place;
            const bool goes_on = p.label.ends_with("...");
            out += " \\\n            " + quoted((goes_on ? "*" : std::to_string(place)) + spec(p));
        }
        out += "\n        ;;\n";
    }
    return out + "    esac\n}\n" + end;
}

} // namespace chronoknock::app
