#include "base/ini.hpp"

#include "base/text.hpp"

#include <set>

namespace chronoknock {

result<std::vector<ini_section>> parse_ini(std::string_view text) {
    std::vector<ini_section> sections{{}};
    std::set<std::string, std::less<>> seen_sections;
    std::set<std::string, std::less<>> seen_fields; // of the last section
    const auto fail = [](int line, const std::string& what) {
        return error{"line " + std::to_string(line) + ": " + what};
    };
    for (int line = 1; !text.empty(); ++line) {
        const auto end = text.find('\n');
        auto content = text.substr(0, end);
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        content = trim(content.substr(0, content.find('#')));
        if (content.empty()) continue;

        if (content.front() == '[') {
            const auto name = trim(content.substr(1, content.size() - 2));
            if (content.back() != ']' || name.empty()) return fail(line, "expected [section]");
            if (!seen_sections.emplace(name).second)
                return fail(line, "section [" + printable(name) + "] stands twice");
            sections.push_back({std::string(name), line, {}});
            seen_fields.clear();
            continue;
        }
        const auto equals = content.find('=');
        const auto name = trim(content.substr(0, equals));
        if (equals == content.npos || name.empty()) return fail(line, "expected name = value");
        auto& section = sections.back();
        if (!seen_fields.emplace(name).second)
            return fail(line, section.name.empty() ? "field " + printable(name) + " stands twice"
                                                   : "[" + printable(section.name) + "] " + printable(name) +
                                                         ": stands twice");
        auto with_blanks = content.substr(equals + 1);
        if (with_blanks.starts_with(' ')) with_blanks.remove_prefix(1);
        // A tab only aligns.
        while (with_blanks.starts_with('\t')) with_blanks.remove_prefix(1);
        section.fields.push_back({std::string(name), trim(content.substr(equals + 1)), line, with_blanks});
    }
    return sections;
}

error in_file(const std::string& file, const error& e) {
    static constexpr std::string_view mark = "line ";
    if (!e.text.starts_with(mark)) return {file + ": " + e.text};
    return {file + ":" + e.text.substr(mark.size())};
}

} // namespace chronoknock
