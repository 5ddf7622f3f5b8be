#include "config/stun_server.hpp"

#include "base/text.hpp"

namespace chronoknock::config {

namespace {

constexpr std::uint16_t stun_port = 3478; // RFC 8489, section 18.6

}

result<stun_server> stun_server::parse(std::string_view text) {
    const auto where = parse_host_port(text, stun_port);
    if (!where) return error{"expected HOST[:PORT], not '" + printable(text) + "'"};
    return stun_server{*where};
}

std::string stun_server::to_string() const { return config::to_string(where, stun_port); }

} // namespace chronoknock::config
