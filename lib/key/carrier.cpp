#include "key/carrier.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <string>

namespace chronoknock::key {

namespace {

constexpr std::size_t most_of_name = 253; // RFC 1035, section 2.3.4, less the lengths at both ends
constexpr std::size_t most_of_label = 63;

bool is_label(std::string_view label) {
    return !label.empty() && label.size() <= most_of_label &&
           label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == label.npos;
}

} // namespace

std::string_view to_string(carrier c) {
    switch (c) {
    case carrier::ports:
        return "ports";
    case carrier::udp:
        return "udp";
    case carrier::icmp:
        return "icmp";
    case carrier::dns:
        return "dns";
    }
    return "";
}

result<carrier> parse_carrier(std::string_view text, std::span<const carrier> known) {
    std::string expected;
    for (const auto c : known) {
        if (text == to_string(c)) return c;
        expected += (expected.empty() ? "expected " : " or ") + std::string(to_string(c));
    }
    return error{expected + ", not '" + printable(text) + "'"};
}

result<std::vector<carrier>> parse_carriers(std::string_view text, std::span<const carrier> known) {
    std::vector<carrier> all;
    for (const auto part : split_list(text)) {
        const auto one = parse_carrier(part, known);
        if (!one) return one.error();
        if (std::ranges::find(all, *one) != all.end())
            return error{"expected each carrier once, not '" + printable(part) + "' twice"};
        all.push_back(*one);
    }
    if (all.empty()) return error{"expected at least one carrier"};
    return all;
}

result<std::string> parse_zone(std::string_view text, std::size_t room) {
    std::string zone(text.ends_with('.') ? text.substr(0, text.size() - 1) : text);
    std::ranges::transform(zone, zone.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const auto most = most_of_name - room;
    bool fits = zone.size() <= most;
    for (std::string_view rest = zone; fits;) {
        const auto dot = rest.find('.');
        fits = is_label(rest.substr(0, dot));
        if (dot == rest.npos) break;
        rest.remove_prefix(dot + 1);
    }
    if (!fits)
        return error{"expected a name like knock.example.org, of at most " + std::to_string(most) +
                     " characters"};
    return {boost::system::in_place_value, std::move(zone)};
}

} // namespace chronoknock::key
