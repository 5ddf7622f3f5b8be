#include "base/ini_edit.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace chronoknock {

namespace {

/// The lines of a text, without their ends.
std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    return lines;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& l : lines) text += l + "\n";
    return text;
}

/// A line without its comment and the blanks around.
std::string_view content_of(std::string_view line) { return trim(line.substr(0, line.find('#'))); }

bool is_header(std::string_view content) { return content.starts_with('['); }

/// Where a section stands: its header, and the line behind its last field.
struct place {
    std::size_t header;
    std::size_t end;
};

std::optional<place> find(const std::vector<std::string>& lines, std::string_view section) {
    std::optional<place> found;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto content = content_of(lines[i]);
        if (content.empty()) continue;
        if (is_header(content)) {
            if (found) break;
            if (content.back() == ']' && trim(content.substr(1, content.size() - 2)) == section)
                found = place{i, i + 1};
        } else if (found) {
            found->end = i + 1;
        }
    }
    return found;
}

std::string_view name_of(std::string_view line) {
    const auto content = content_of(line);
    return content.find('=') == content.npos ? std::string_view() : trim(content.substr(0, content.find('=')));
}

} // namespace

std::string with_fields(std::string_view text, std::string_view section, const ini_values& values) {
    auto lines = lines_of(text);
    auto where = find(lines, section);
    if (!where) {
        if (!lines.empty() && !trim(lines.back()).empty()) lines.emplace_back();
        lines.push_back("[" + std::string(section) + "]");
        where = place{lines.size() - 1, lines.size()};
    }
    for (const auto& [name, value] : values) {
        const auto first = lines.begin() + static_cast<std::ptrdiff_t>(where->header + 1);
        const auto last = lines.begin() + static_cast<std::ptrdiff_t>(where->end);
        const auto line = std::find_if(first, last, [&](const auto& l) { return name_of(l) == name; });
        if (line == last) {
            lines.insert(last, name + " = " + value);
            ++where->end;
            continue;
        }
        const auto comment = line->find('#');
        const auto behind = comment == line->npos ? "" : "    " + line->substr(comment);
        const auto before = line->substr(0, line->find_first_not_of(" \t"));
        *line = before + name + " = " + value + behind;
    }
    return joined(lines);
}

std::string without_section(std::string_view text, std::string_view section) {
    auto lines = lines_of(text);
    const auto where = find(lines, section);
    if (!where) return joined(lines);
    auto end = where->end;
    // One blank line goes with it, if there is one on both sides.
    const bool blank_before = where->header == 0 || trim(lines[where->header - 1]).empty();
    if (blank_before && end < lines.size() && trim(lines[end]).empty()) ++end;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(where->header),
                lines.begin() + static_cast<std::ptrdiff_t>(end));
    return joined(lines);
}

} // namespace chronoknock
