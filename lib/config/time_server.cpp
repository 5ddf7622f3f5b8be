#include "base/address.hpp"
#include "base/text.hpp"
#include "config/host_port.hpp"
#include "config/server.hpp"

namespace chronoknock::config {

namespace {

constexpr std::uint16_t ntp_port = 123;
constexpr std::uint16_t nts_port = 4460; // RFC 8915, section 7.1

} // namespace

result<time_server> time_server::parse(std::string_view text) {
    static constexpr std::string_view nts_scheme = "nts://";
    static constexpr std::string_view pool_scheme = "pool:";
    time_server server;
    server.nts = text.starts_with(nts_scheme);
    server.pool = text.starts_with(pool_scheme) && !address::parse(text);
    const auto rest = text.substr(server.nts ? nts_scheme.size() : server.pool ? pool_scheme.size() : 0);
    const auto where = parse_host_port(rest, server.nts ? nts_port : ntp_port);
    if (!where || (server.pool && address::parse(where->host)))
        return error{"expected HOST[:PORT] or nts://HOST[:PORT] or pool:NAME[:PORT], not '" +
                     printable(text) + "'"};
    server.host = where->host;
    server.port = where->port;
    return server;
}

std::string time_server::to_string() const {
    return (nts    ? "nts://"
            : pool ? "pool:"
                   : "") +
           config::to_string(host_port{host, port}, nts ? nts_port : ntp_port);
}

} // namespace chronoknock::config
