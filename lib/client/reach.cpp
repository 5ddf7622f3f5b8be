#include "client/reach.hpp"

#include <algorithm>
#include <array>

namespace chronoknock::client {

namespace {

bool is_local_network(const address& a) {
    // RFC 1918, RFC 6598 (carriers' own), RFC 3927, loopback, RFC 4193, RFC 4291 link-local
    static const std::array networks = {
        prefix::parse("10.0.0.0/8").value(),     prefix::parse("172.16.0.0/12").value(),
        prefix::parse("192.168.0.0/16").value(), prefix::parse("100.64.0.0/10").value(),
        prefix::parse("169.254.0.0/16").value(), prefix::parse("127.0.0.0/8").value(),
        prefix::parse("fc00::/7").value(),       prefix::parse("fe80::/10").value(),
        prefix::parse("::1/128").value(),
    };
    return std::ranges::any_of(networks, [&](const prefix& p) { return p.contains(a); });
}

} // namespace

bool is_translated(const address& source, const address& target) {
    return is_local_network(source) && !is_local_network(target);
}

} // namespace chronoknock::client
