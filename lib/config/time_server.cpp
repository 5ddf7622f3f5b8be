#include "base/address.hpp"
#include "base/text.hpp"
#include "config/server.hpp"

#include <algorithm>

namespace chronoknock::config {

namespace {

constexpr std::uint16_t ntp_port = 123;
constexpr std::uint16_t nts_port = 4460; // RFC 8915, section 7.1

bool is_host_name(std::string_view text) {
    const auto part_of_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '.' || c == '_';
    };
    // `none` means "no time server" on the command line; a server of that name would be waited for in vain.
    return !text.empty() && text.size() <= 253 && text != "none" && text.front() != '-' &&
           text.front() != '.' && text.find("..") == text.npos && std::ranges::all_of(text, part_of_name);
}

} // namespace

result<time_server> time_server::parse(std::string_view text) {
    static constexpr std::string_view nts_scheme = "nts://";
    static constexpr std::string_view pool_scheme = "pool:";
    const error unfit{"expected HOST[:PORT] or nts://HOST[:PORT] or pool:NAME[:PORT], not '" +
                      printable(text) + "'"};
    time_server server;
    server.nts = text.starts_with(nts_scheme);
    server.port = server.nts ? nts_port : ntp_port;
    server.pool = text.starts_with(pool_scheme) && !address::parse(text);
    auto rest = text.substr(server.nts ? nts_scheme.size() : server.pool ? pool_scheme.size() : 0);

    // An IPv6 address with a port stands in brackets, one without may stand alone.
    bool bare_address = address::parse(rest).has_value();
    std::string_view port;
    if (rest.starts_with('[')) {
        const auto end = rest.find(']');
        if (end == rest.npos) return unfit;
        port = rest.substr(end + 1);
        rest = rest.substr(1, end - 1);
        const auto inside = address::parse(rest);
        if (!inside || rest.find(':') == rest.npos) return unfit;
        bare_address = true;
    } else if (!bare_address && rest.find(':') != rest.npos) {
        port = rest.substr(rest.find(':'));
        rest = rest.substr(0, rest.find(':'));
    }
    if (!bare_address && !is_host_name(rest)) return unfit;
    if (server.pool && bare_address) return unfit;
    server.host = rest;
    if (!port.empty()) {
        const auto n = parse_number(port.substr(1), 1, 65535);
        if (port.front() != ':' || !n) return unfit;
        server.port = static_cast<std::uint16_t>(*n);
    }
    return server;
}

std::string time_server::to_string() const {
    std::string text = nts ? "nts://" : pool ? "pool:" : "";
    const bool usual = port == (nts ? nts_port : ntp_port);
    text += !usual && host.find(':') != host.npos ? "[" + host + "]" : host;
    return usual ? text : text + ":" + std::to_string(port);
}

} // namespace chronoknock::config
