#include "config/host_port.hpp"

#include "base/address.hpp"
#include "base/text.hpp"

#include <algorithm>

namespace chronoknock::config {

namespace {

bool is_host_name(std::string_view text) {
    const auto part_of_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '.' || c == '_';
    };
    // `none` means "no server" on the command line; a server of that name would be waited for in vain.
    return !text.empty() && text.size() <= 253 && text != "none" && text.front() != '-' &&
           text.front() != '.' && text.find("..") == text.npos && std::ranges::all_of(text, part_of_name);
}

} // namespace

std::optional<host_port> parse_host_port(std::string_view text, std::uint16_t usual) {
    bool bare_address = address::parse(text).has_value();
    std::string_view port;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == text.npos) return {};
        port = text.substr(end + 1);
        text = text.substr(1, end - 1);
        if (!address::parse(text) || text.find(':') == text.npos) return {};
        bare_address = true;
    } else if (!bare_address && text.find(':') != text.npos) {
        port = text.substr(text.find(':'));
        text = text.substr(0, text.find(':'));
    }
    if (!bare_address && !is_host_name(text)) return {};
    host_port where{std::string(text), usual};
    if (!port.empty()) {
        const auto n = parse_number(port.substr(1), 1, 65535);
        if (port.front() != ':' || !n) return {};
        where.port = static_cast<std::uint16_t>(*n);
    }
    return where;
}

std::string to_string(const host_port& where, std::uint16_t usual) {
    if (where.port == usual) return where.host;
    const bool brackets = where.host.find(':') != where.host.npos;
    return (brackets ? "[" + where.host + "]" : where.host) + ":" + std::to_string(where.port);
}

} // namespace chronoknock::config
