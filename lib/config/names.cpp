#include "config/names.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace chronoknock::config {

namespace {

constexpr std::int64_t most_renewals = 999'999;

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

} // namespace

bool valid_key_name(std::string_view name) {
    const auto fits = [](char c) {
        return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-' || c == '@';
    };
    return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, fits);
}

bool valid_file_name(std::string_view name) {
    return valid_key_name(name) && is_letter_or_digit(name.front());
}

result<std::string> parse_host(std::string_view text) {
    const auto fits = [](char c) { return c > ' ' && c < 0x7f && c != '/'; };
    if (text.empty() || text.size() > 253 || !std::ranges::all_of(text, fits))
        return error{"expected the name or address of a host, not '" + printable(text) + "'"};
    return {boost::system::in_place_value, text};
}

key_name key_name::parse(std::string_view name) {
    const auto dot = name.rfind('.');
    if (dot != name.npos && dot > 0 && !name.substr(dot + 1).starts_with('0'))
        if (const auto n = parse_number(name.substr(dot + 1), 2, most_renewals))
            return {std::string(name.substr(0, dot)), static_cast<std::uint32_t>(*n)};
    return {std::string(name), 1};
}

std::string key_name::to_string() const {
    return number == 1 ? person : person + "." + std::to_string(number);
}

} // namespace chronoknock::config
