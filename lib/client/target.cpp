#include "client/target.hpp"

#include "base/address.hpp"
#include "base/text.hpp"

#include <algorithm>

namespace chronoknock::client {

namespace {

constexpr std::size_t most_of_service_name = 32;

bool is_service_name(std::string_view text) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '+' || c == '.';
    };
    return !text.empty() && text.size() <= most_of_service_name && std::ranges::all_of(text, fits);
}

bool is_port(std::string_view text) { return parse_number(text, 1, 65535) || is_service_name(text); }

} // namespace

result<target> parse_target(std::string_view text) {
    const error unfit{"expected HOST, USER@HOST, HOST:PORT or [IPV6]:PORT, not '" + printable(text) + "'"};
    target t;
    auto rest = text;
    // The last one: a key's name may hold an @ as well, a host's cannot.
    if (const auto at = rest.rfind('@'); at != rest.npos) {
        t.user = rest.substr(0, at);
        rest = rest.substr(at + 1);
        if (t.user.empty()) return unfit;
    }
    std::string_view port;
    bool has_port = false;
    if (rest.starts_with('[')) {
        const auto end = rest.find(']');
        if (end == rest.npos) return unfit;
        const auto inside = rest.substr(1, end - 1);
        if (!address::parse(inside) || inside.find(':') == inside.npos) return unfit;
        const auto behind = rest.substr(end + 1);
        if (!behind.empty() && behind.front() != ':') return unfit;
        has_port = !behind.empty();
        port = has_port ? behind.substr(1) : "";
        rest = inside;
    } else if (const auto colon = rest.find(':'); colon != rest.npos && !address::parse(rest)) {
        has_port = true;
        port = rest.substr(colon + 1);
        rest = rest.substr(0, colon);
    }
    if (rest.empty() || (has_port && !is_port(port))) return unfit;
    t.host = rest;
    t.port = port;
    return t;
}

result<std::string> parse_host_target(std::string_view text) {
    auto t = parse_target(text);
    if (!t) return t.error();
    if (!t->port.empty())
        return error{"expected HOST; did you mean --wait " + printable(t->port) + " " + printable(t->host) + "?"};
    return {boost::system::in_place_value, std::move(t->host)};
}

result<std::uint16_t> parse_port(std::string_view text, const port_lookup& lookup) {
    if (const auto n = parse_number(text, 1, 65535)) return static_cast<std::uint16_t>(*n);
    if (is_service_name(text) && lookup)
        if (const auto port = lookup(std::string(text)); port && *port != 0) return *port;
    return error{"expected a whole number from 1 to 65535 or the name of a service like ssh, not '" +
                 printable(text) + "'"};
}

} // namespace chronoknock::client
