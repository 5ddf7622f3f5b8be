#include "app/completion_table.hpp"

#include "app/command_table.hpp"
#include "app/options.hpp"
#include "key/carrier.hpp"
#include "method/method.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace chronoknock::app {

namespace {

/// On one line, with one blank between words.
std::string on_one_line(const std::string& text) {
    std::istringstream in(text);
    std::string all;
    for (std::string word; in >> word;) all += (all.empty() ? "" : " ") + word;
    return all;
}

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, at);) parts.push_back(part);
    return parts;
}

/// Adds what a word of help stands for: FILE, TARGET, [knockd|fwknop], IP|auto. (What is written small is to
/// be typed so.)
void add(completion& place, const std::string& command, const std::string& word) {
    if (place.label.empty()) place.label = word;
    for (const auto& part : split(word, '|')) {
        const bool literal = std::islower(static_cast<unsigned char>(part.front())) != 0;
        if (literal && std::ranges::find(place.words, part) == place.words.end()) place.words.push_back(part);
        place.files = place.files || part == "FILE" || part == "PATH";
        place.folders = place.folders || part == "FOLDER";
        place.profiles = place.profiles || part == "TARGET" || (part == "NAME" && command == "profile");
    }
}

std::vector<std::string> method_names() {
    std::vector<std::string> names;
    for (const auto& m : method::methods())
        if (m.generate) names.emplace_back(m.name);
    return names;
}

std::vector<std::string> carrier_names() {
    std::vector<std::string> names;
    for (const auto c : {key::carrier::ports, key::carrier::udp, key::carrier::icmp, key::carrier::dns})
        names.emplace_back(to_string(c));
    return names;
}

completion value_of(const po::option_description& o) {
    completion c;
    add(c, "", o.format_parameter());
    if (o.long_name() == "method") c.words = method_names();
    if (o.long_name() == "carrier") c.words = carrier_names();
    return c;
}

completed_option describe(const po::option_description& o) {
    completed_option d{"--" + o.long_name()};
    const auto shown = o.canonical_display_name(po::command_line_style::allow_dash_for_short);
    if (!shown.starts_with("--") && shown.starts_with("-")) d.letter = shown;
    d.help = on_one_line(o.description());
    d.takes_value = o.semantic()->max_tokens() != 0;
    d.repeats = d.takes_value && d.help.find("may be repeated") != d.help.npos;
    if (d.takes_value) d.value = value_of(o);
    return d;
}

/// What may stand in the places of a command's words, by its synopsis: "import [knockd|fwknop] FILE --out
/// FOLDER"; alternatives of a whole line have " | " between. A word in brackets may be left out: the next one
/// may then stand in its place.
std::vector<completion> places_of(const std::string& command, const std::string& synopsis) {
    std::vector<completion> places;
    std::istringstream in(synopsis);
    std::string word;
    in >> word; // the command
    std::size_t at = 0;
    bool may_lack = false; // the word before
    while (in >> word) {
        if (word == "|") {
            at = 0;
            may_lack = false;
            continue;
        }
        const bool optional = word.front() == '[';
        if (optional) word = word.substr(1, word.size() - 2);
        if (word.starts_with("--") || word == "OPTION...") break;
        if (may_lack) add(places[at - 1], command, word);
        if (at == places.size()) places.emplace_back();
        add(places[at++], command, word);
        may_lack = optional;
    }
    return places;
}

} // namespace

std::vector<completed_command> completion_table() {
    std::vector<completed_command> all;
    completion names{"COMMAND"};
    for (const auto& c : command_table()) {
        const auto u = usage_of(c.run);
        completed_command d{std::string(c.name), on_one_line(std::string(c.help))};
        for (const auto& o : u.options.options()) d.options.push_back(describe(*o));
        d.places = places_of(d.name, u.synopsis);
        names.words.push_back(d.name);
        all.push_back(std::move(d));
    }
    all.push_back({"help", "tell more of a command", {}, {std::move(names)}});
    return all;
}

} // namespace chronoknock::app
