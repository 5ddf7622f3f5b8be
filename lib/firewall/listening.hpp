#pragma once

#include <cstdint>
#include <set>
#include <string_view>

namespace chronoknock::firewall {

/// The ports at which a socket listens, in the text of /proc/net/tcp or tcp6. Lines of another form are
/// passed over. (proc(5))
std::set<std::uint16_t> parse_listening_ports(std::string_view text);

} // namespace chronoknock::firewall
