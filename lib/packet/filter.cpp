#include "packet/filter.hpp"

namespace chronoknock::packet {
namespace {

// Each range costs the kernel some instructions for every packet of the host.
constexpr std::size_t most_ranges = 16;

/// " and (...)", or nothing when every port will do.
std::string ports(const port_set& pool) {
    const auto ranges = pool.ranges();
    if (ranges.empty() || pool.size() == 65536) return "";
    const auto term = [](std::uint16_t first, std::uint16_t last) {
        return "tcp dst portrange " + std::to_string(first) + "-" + std::to_string(last);
    };
    std::string text;
    if (ranges.size() > most_ranges)
        text = term(ranges.front().first, ranges.back().last);
    else
        for (const auto& range : ranges) text += (text.empty() ? "" : " or ") + term(range.first, range.last);
    return " and (" + text + ")";
}

} // namespace

std::string filter(const port_set& pool, bool tagged) {
    // Flags: FIN 1, SYN 2, RST 4, ACK 16. libpcap's tcp[] knows no IPv6, hence the offset 40 + 13.
    const std::string syns = "(tcp[13] & 0x17 == 2 or (ip6[6] == 6 and ip6[53] & 0x17 == 2))" + ports(pool);
    // After "vlan" libpcap reads all offsets behind the tag, so the tagged form must come last.
    return tagged ? "(" + syns + ") or (vlan and vlan and " + syns + ")" : syns;
}

} // namespace chronoknock::packet
