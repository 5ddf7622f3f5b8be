#include "base/text.hpp"

#include <array>
#include <boost/algorithm/hex.hpp>
#include <charconv>
#include <ctime>
#include <iterator>
#include <utility>

namespace chronoknock {

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> parts;
    if (trim(text).empty()) return parts;
    for (;;) {
        const auto comma = text.find(',');
        parts.push_back(trim(text.substr(0, comma)));
        if (comma == text.npos) return parts;
        text.remove_prefix(comma + 1);
    }
}

result<std::int64_t> parse_number(std::string_view text, std::int64_t least, std::int64_t most) {
    std::int64_t n = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (failed != std::errc{} || end != text.data() + text.size() || n < least || n > most)
        return error{"expected a whole number from " + std::to_string(least) + " to " + std::to_string(most) +
                     ", not '" + printable(text) + "'"};
    return n;
}

result<bool> parse_bool(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return error{"expected true or false, not '" + printable(text) + "'"};
}

namespace {
constexpr std::array<std::pair<std::string_view, nanoseconds>, 5> units = {{
    {"", std::chrono::seconds(1)},
    {"ms", std::chrono::milliseconds(1)},
    {"s", std::chrono::seconds(1)},
    {"m", std::chrono::minutes(1)},
    {"h", std::chrono::hours(1)},
}};
}

result<nanoseconds> parse_duration(std::string_view text, nanoseconds least, nanoseconds most) {
    const error unfit{"expected a duration from " + to_string(least) + " to " + to_string(most) +
                      " (30, 500ms, 30s, 5m, 1h), not '" + printable(text) + "'"};
    std::int64_t n = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (failed != std::errc{}) return unfit;
    const std::string_view suffix{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    for (const auto& [unit, length] : units)
        if (suffix == unit) {
            if (n < 0 || n > most / length || n * length < least) return unfit;
            return n * length;
        }
    return unfit;
}

std::string to_string(nanoseconds d) {
    if (d % std::chrono::seconds(1) != nanoseconds(0))
        return std::to_string(d / std::chrono::milliseconds(1)) + "ms";
    return std::to_string(d / std::chrono::seconds(1)) + "s";
}

std::string printable(std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    static constexpr std::size_t longest = 200;
    std::string safe;
    for (const char c : text.substr(0, longest)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '\\')
            safe += c;
        else
            safe.append({'\\', 'x', digits[byte >> 4], digits[byte & 15]});
    }
    if (text.size() > longest) safe += "...";
    return safe;
}

result<std::vector<std::uint8_t>> parse_hex(std::string_view text) {
    std::vector<std::uint8_t> bytes;
    try {
        boost::algorithm::unhex(text.begin(), text.end(), std::back_inserter(bytes));
    } catch (const boost::algorithm::hex_decode_error&) {
        return error{"expected an even number of hexadecimal digits"};
    }
    return bytes;
}

std::string utc(std::int64_t t) {
    const std::time_t time = t;
    std::tm parts{};
    gmtime_r(&time, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%F %T", &parts)};
}

} // namespace chronoknock
