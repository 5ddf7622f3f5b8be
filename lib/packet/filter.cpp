#include "packet/filter.hpp"

#include <algorithm>
#include <vector>

namespace chronoknock::packet {
namespace {

// Each range costs the kernel some instructions for every packet of the host, or for every datagram. With
// more ranges all between is seen: few SYNs, but perhaps all of a host's datagrams.
constexpr std::size_t most_syn_ranges = 16;
constexpr std::size_t most_datagram_ranges = 128;

// Cooked 20 or Ethernet with two tags 22, IPv4 with options 60, then TCP up to its flags 14 or UDP or ICMP 8.
constexpr std::uint32_t headers_of_syn = 22 + 60 + 14;
constexpr std::uint32_t headers_of_datagram = 22 + 60 + 8;
constexpr std::uint32_t least_snapshot = 128;
static_assert(headers_of_syn <= least_snapshot);

/// " and (...)", or nothing when every port will do.
std::string ports(const port_set& wanted, const std::string& protocol, std::size_t most_ranges) {
    const auto ranges = wanted.ranges();
    if (ranges.empty() || wanted.size() == 65536) return "";
    const auto term = [&](std::uint16_t first, std::uint16_t last) {
        return protocol + " dst portrange " + std::to_string(first) + "-" + std::to_string(last);
    };
    std::string text;
    if (ranges.size() > most_ranges)
        text = term(ranges.front().first, ranges.back().last);
    else
        for (const auto& range : ranges) text += (text.empty() ? "" : " or ") + term(range.first, range.last);
    return " and (" + text + ")";
}

} // namespace

std::string filter(const capture_wish& wish, bool tagged) {
    // Flags: FIN 1, SYN 2, RST 4, ACK 16. libpcap's tcp[] knows no IPv6, hence the offset 40 + 13.
    const auto syns = "(tcp[13] & 0x17 == 2 or (ip6[6] == 6 and ip6[53] & 0x17 == 2))" +
                      ports(wish.syns, "tcp", most_syn_ranges);
    const auto datagrams = "udp" + ports(wish.datagrams, "udp", most_datagram_ranges);
    std::vector<std::string> terms;
    if (wish.syns.size() != 0) terms.push_back(syns);
    if (wish.datagrams.size() != 0) terms.push_back(datagrams);
    if (wish.echoes) terms.push_back("(icmp[0] == 8 or (ip6[6] == 58 and ip6[40] == 128))");
    if (terms.empty()) terms.push_back(syns);
    auto wanted = terms.front();
    if (terms.size() > 1) {
        wanted.clear();
        for (const auto& term : terms) wanted += (wanted.empty() ? "((" : " or (") + term + ")";
        wanted += ")";
    }
    // After "vlan" libpcap reads all offsets behind the tag, so the tagged form must come last.
    return tagged ? "(" + wanted + ") or (vlan and vlan and " + wanted + ")" : wanted;
}

std::uint32_t snapshot_length(const capture_wish& wish) {
    if (wish.datagrams.size() == 0 && !wish.echoes) return least_snapshot;
    return std::max(least_snapshot, headers_of_datagram + wish.most_of_payload);
}

} // namespace chronoknock::packet
