#include "packet/filter.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

namespace chronoknock::packet {
namespace {

// Each range costs the kernel some instructions for every packet of the host, or for every datagram. With
// more of them the smallest gaps between them are passed too.
constexpr std::size_t most_syn_ranges = 16;
constexpr std::size_t most_datagram_ranges = 128; // of all wishes for datagrams together

// Cooked 20 or Ethernet with two tags 22, IPv4 with options 60, then TCP up to its flags 14 or UDP or ICMP 8.
constexpr std::uint32_t headers_of_syn = 22 + 60 + 14;
constexpr std::uint32_t headers_of_datagram = 22 + 60 + 8;

/// So many ranges at most (one at least) with all of these ports in them, and as few others as can be.
std::vector<port_range> merged(std::span<const port_range> ranges, std::size_t most) {
    most = std::max<std::size_t>(most, 1);
    std::vector<port_range> some(ranges.begin(), ranges.end());
    if (some.size() <= most) return some;
    const auto gap_before = [&](std::size_t i) { return some[i].first - some[i - 1].last; };
    std::vector<std::size_t> gaps(some.size() - 1);
    std::iota(gaps.begin(), gaps.end(), std::size_t{1});
    std::ranges::stable_sort(gaps, std::greater<>(), gap_before);
    gaps.resize(most - 1); // those that stay
    std::ranges::sort(gaps);
    std::vector<port_range> few;
    std::size_t begin = 0;
    gaps.push_back(some.size());
    for (const auto end : gaps) {
        few.push_back({some[begin].first, some[end - 1].last});
        begin = end;
    }
    return few;
}

/// " and (...)", or nothing when every port will do.
std::string ports(const port_set& wanted, const std::string& protocol, std::size_t most_ranges) {
    const auto ranges = wanted.ranges();
    if (ranges.empty() || wanted.size() == 65536) return "";
    const auto term = [&](std::uint16_t first, std::uint16_t last) {
        return protocol + " dst portrange " + std::to_string(first) + "-" + std::to_string(last);
    };
    std::string text;
    for (const auto& range : merged(ranges, most_ranges))
        text += (text.empty() ? "" : " or ") + term(range.first, range.last);
    return " and (" + text + ")";
}

/// A term for a field of two bytes that counts the payload and `others` bytes besides; "" when any size will
/// do. Such a field is 65535 at the most.
std::string size_term(const std::string& field, size_range sizes, std::uint32_t others) {
    const auto least = std::to_string(sizes.least + others);
    const auto most = std::to_string(sizes.most + others);
    if (sizes.least == sizes.most) return field + " == " + least;
    std::string text;
    if (sizes.least != 0) text = field + " >= " + least;
    if (sizes.most + others < 65535) text += (text.empty() ? "" : " and ") + field + " <= " + most;
    return text;
}

/// UDP's own length, which counts its header. An IPv6 header is followed by UDP's at once: what comes behind
/// extension headers or in fragments is no event (decode.hpp).
std::string datagrams(const datagram_wish& wish, std::size_t most_ranges) {
    constexpr std::uint32_t udp_header = 8;
    const auto v4 = size_term("udp[4:2]", wish.sizes, udp_header);
    const auto v6 = size_term("ip6[44:2]", wish.sizes, udp_header);
    return (v4.empty() ? "udp" : "(" + v4 + " or (ip6[6] == 17 and " + v6 + "))") +
           ports(wish.ports, "udp", most_ranges);
}

/// ICMP has no length of its own: it is IPv4's less that of its header, or all that IPv6's counts.
std::string echoes(size_range sizes) {
    constexpr std::uint32_t echo_header = 8;
    const auto v4 = size_term("ip[2:2] - ((ip[0] & 15) << 2)", sizes, echo_header);
    const auto v6 = size_term("ip6[4:2]", sizes, echo_header);
    const std::string also = v4.empty() ? "" : " and ";
    return "((icmp[0] == 8" + also + v4 + ") or (ip6[6] == 58 and ip6[40] == 128" + also + v6 + "))";
}

/// Those with the fewest ranges name theirs first.
std::vector<std::string> terms_of(std::vector<datagram_wish> wishes) {
    std::ranges::stable_sort(wishes, {}, [](const datagram_wish& w) { return w.ports.ranges().size(); });
    std::vector<std::string> terms;
    auto left = most_datagram_ranges;
    for (const auto& wish : wishes) {
        terms.push_back(datagrams(wish, left));
        left -= std::min(left, wish.ports.ranges().size());
    }
    return terms;
}

} // namespace

std::string filter(const capture_wish& wish, bool tagged) {
    // Flags: FIN 1, SYN 2, RST 4, ACK 16. libpcap's tcp[] knows no IPv6, hence the offset 40 + 13.
    const auto syns = "(tcp[13] & 0x17 == 2 or (ip6[6] == 6 and ip6[53] & 0x17 == 2))" +
                      ports(wish.syns, "tcp", most_syn_ranges);
    auto terms = terms_of(wish.datagrams);
    if (wish.syns.size() != 0) terms.insert(terms.begin(), syns);
    if (wish.echoes) terms.push_back(echoes(*wish.echoes));
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
    const std::uint32_t most = wish.most_of_payload();
    // One byte more shows that a payload is larger than wished: others may wish for it, and the filter may
    // pass it.
    return std::max(headers_of_syn, headers_of_datagram + most + 1);
}

} // namespace chronoknock::packet
