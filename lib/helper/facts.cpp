#include "helper/facts.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace chronoknock::helper {

namespace {

using chars = bool (*)(char);

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool in_word(char c) { return is_lower(c) || c == '-'; }
constexpr bool in_number(char c) { return is_digit(c) || c == '-'; }
constexpr bool in_ports(char c) { return is_digit(c) || c == '-' || c == ','; }
/// Or a network.
constexpr bool in_address(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || c == '.' || c == ':' || c == '/';
}
constexpr bool in_names(char c) {
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') ||
           std::string_view("_-.,@").find(c) != std::string_view::npos;
}
/// Text for people, without what a shell expands within quotation marks.
constexpr bool in_reason(char c) { return c >= 0x20 && c < 0x7f && c != '$' && c != '`' && c != '\\'; }

struct variable {
    std::string_view name;
    chars fits;
};

constexpr std::string_view begins = "CHRONOKNOCK_";
constexpr variable variables_of_ours[] = {
    {"ACTION", in_word},   {"ADDRESS", in_address}, {"EVENT", in_word},    {"FAMILY", is_digit},
    {"KEY", in_names},     {"LEFT_OUT", is_digit},  {"PORTS", in_ports},   {"PROTOCOL", is_lower},
    {"REASON", in_reason}, {"SECONDS", is_digit},   {"SERVICE", in_names}, {"UNTIL", in_number},
};

} // namespace

bool are_facts(const std::vector<std::string>& variables) {
    bool seen[std::size(variables_of_ours)] = {};
    return std::ranges::all_of(variables, [&](std::string_view text) {
        const auto end = text.find('=');
        if (!text.starts_with(begins) || end == text.npos) return false;
        const auto name = text.substr(begins.size(), end - begins.size());
        const auto* const v = std::ranges::find(variables_of_ours, name, &variable::name);
        if (v == std::end(variables_of_ours)) return false;
        const bool is_first = !std::exchange(seen[v - variables_of_ours], true);
        return is_first && std::ranges::all_of(text.substr(end + 1), v->fits);
    });
}

} // namespace chronoknock::helper
