#include "base/ini.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace chronoknock {

result<std::vector<ini_section>> parse_ini(std::string_view text) {
    std::vector<ini_section> sections{{}};
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
            if (std::ranges::find(sections, name, &ini_section::name) != sections.end())
                return fail(line, "section [" + printable(name) + "] stands twice");
            sections.push_back({std::string(name), line, {}});
            continue;
        }
        const auto equals = content.find('=');
        const auto name = trim(content.substr(0, equals));
        if (equals == content.npos || name.empty()) return fail(line, "expected name = value");
        auto& fields = sections.back().fields;
        if (std::ranges::find(fields, name, &ini_field::name) != fields.end())
            return fail(line, "field " + printable(name) + " stands twice");
        fields.push_back({std::string(name), std::string(trim(content.substr(equals + 1))), line});
    }
    return sections;
}

} // namespace chronoknock
