#include "config/parts.hpp"

#include "base/text.hpp"
#include "config/fields.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace chronoknock::config {

namespace {

std::string place_of(const std::string& file, int line) { return file + ":" + std::to_string(line); }

/// The pattern that a configuration's [server] section has; empty if it has none that is fit, which the reader of
/// the section finds for itself.
std::string pattern_in(const std::vector<ini_section>& sections, const std::string& file) {
    for (const auto& section : sections)
        if (section.name == "server")
            for (const auto& f : section.fields)
                if (f.name == "include")
                    if (auto pattern = parse_include(f.value, folder_of(file))) return std::move(*pattern);
    return {};
}

result<void> check_included(const part& p) {
    for (const auto& section : p.sections) {
        if (section.name.empty() || section.name.starts_with("service.") || section.name.starts_with("key."))
            continue;
        return error{place_of(p.file, section.line) + ": [" + printable(section.name) +
                     "] expected only [service.NAME] and [key.NAME] in an included file"};
    }
    return {};
}

/// Each section stands in one place.
result<void> check_repeats(const std::vector<part>& all) {
    std::map<std::string_view, std::string> places;
    for (const auto& p : all)
        for (const auto& section : p.sections) {
            if (section.name.empty()) continue;
            const auto place = place_of(p.file, section.line);
            const auto [other, fresh] = places.emplace(section.name, place);
            if (!fresh)
                return error{place + ": section [" + printable(section.name) + "] stands twice; the other is " +
                             other->second};
        }
    return {};
}

} // namespace

result<std::string> parse_include(std::string_view text, const std::string& folder) {
    if (text.empty() || text.find('\0') != text.npos) return error{"expected a pattern of paths, like conf.d/*.ini"};
    std::string pattern;
    if (text.front() != '/')
        for (const char c : folder) {
            if (c == '*' || c == '?' || c == '[' || c == '\\') pattern += '\\';
            pattern += c;
        }
    return {boost::system::in_place_value, pattern + std::string(text)};
}

result<parts> read_parts(std::string_view text, const std::string& file, const includer& include) {
    auto own = parse_ini(text);
    if (!own) return in_file(file, own.error());
    parts p;
    const auto pattern = pattern_in(*own, file);
    p.all.push_back({file, std::move(*own), false});
    if (!pattern.empty() && include) {
        auto found = include(pattern);
        if (!found) return error{file + ": [server] include: " + found.error().text};
        p.texts = std::move(*found);
    }
    for (const auto& f : p.texts) {
        auto sections = parse_ini(f.text);
        if (!sections) return in_file(f.path, sections.error());
        p.all.push_back({f.path, std::move(*sections), true});
        if (const auto fit = check_included(p.all.back()); !fit) return fit.error();
    }
    if (const auto fit = check_repeats(p.all); !fit) return fit.error();
    return {boost::system::in_place_value, std::move(p)};
}

} // namespace chronoknock::config
