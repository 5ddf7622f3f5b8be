#include "firewall/reset.hpp"

#include "firewall/script.hpp"

namespace chronoknock::firewall {

namespace {

/// Drops a segment that is too short for a TCP header as long as it says it is; `length` is the field that
/// counts the segment and `head` bytes more. (A header without options is the matter of `reject` itself.)
std::string cut_headers(const std::string& when, const std::string& length, int head) {
    std::string text;
    for (int words = 6; words <= 15; ++words)
        text += line("tcp doff " + std::to_string(words) + " " + when + length + " < " +
                     std::to_string(head + 4 * words) + " drop");
    return text;
}

/// A byte of the IP header, at bit `ip`, that is not the one of the UDP header at bit `udp` plus `more`.
/// nft compares a field with constants only, so all pairs are written down, those of `udp` up to `last`.
/// (Of half bytes there would be fewer, but `nft list ruleset` of nft 1.0.6 dies of such rules.)
std::string unequal(int ip, int udp, int more, int last) {
    std::string pairs;
    for (int n = 0; n <= last; ++n)
        pairs += (n == 0 ? "" : ", ") + std::to_string((n + more) % 256) + " . " + std::to_string(n);
    return "@nh," + std::to_string(ip) + ",8 . @th," + std::to_string(udp) + ",8 != { " + pairs + " } drop";
}

/// Drops a datagram whose own length is not that of its packet: over IPv4 without options (bit 16 of the
/// header) 20 bytes less, over IPv6 (bit 32) the same. Those above 9,471 bytes are dropped as well: no frame
/// carries them.
std::string wrong_lengths() {
    const std::string plain4 = "ip hdrlength 5 ", plain6 = "ip6 nexthdr udp udp length != 0 ";
    constexpr int highest = 36;
    return line(plain4 + unequal(24, 40, 20, 255)) +
           line(plain4 + "@th,40,8 < 236 " + unequal(16, 32, 0, highest)) +
           line(plain4 + "@th,40,8 >= 236 " + unequal(16, 32, 1, highest)) +
           line(plain6 + unequal(40, 40, 0, 255)) + line(plain6 + unequal(32, 32, 0, highest));
}

std::string refuse() {
    return line("meta pkttype != host drop") + line("fib daddr type { broadcast, multicast, anycast } drop") +
           // The rest of a segment may tell more: it comes back whole, by the input hook.
           line("fib daddr type local ip frag-off & 0x2000 != 0 accept") +
           line("ip option lsrr exists drop") + line("ip option ssrr exists drop") +
           line("exthdr rt exists drop") + line("meta l4proto tcp goto refuse_tcp") +
           line("meta l4proto udp goto refuse_udp") + line("counter drop");
}

std::string refuse_tcp() {
    return line("tcp doff < 5 drop") + cut_headers("ip hdrlength 5 ", "ip length", 20) +
           cut_headers("ip6 nexthdr tcp ", "ip6 length", 0) +
           // The kernel answers a signed segment only with a key to sign with.
           line("tcp option md5sig length 18 drop") +
           // The answer has the segment's traffic class, less its two bits of ECN: remembered as the first
           // two bytes of the answer's header, with the segment's own for the four bits of the label.
           // (nft 1.0.6 has no room for a whole IPv6 address in such a key.)
           line("meta nfproto ipv4 @nh,8,6 != 0 "
                "update @tos4 { ip saddr . tcp sport . tcp dport : @nh,0,16 & 0x00fc | 0x4500 }") +
           line("meta nfproto ipv6 @nh,4,6 != 0 "
                "update @tos6 { @nh,128,64 . tcp sport . tcp dport : @nh,0,16 & 0x0fcf | 0x6000 }") +
           line("counter reject with tcp reset") + line("counter drop");
}

std::string refuse_udp() {
    return line("meta nfproto ipv6 udp checksum 0 drop") + line("meta nfproto ipv4 udp length 0-7 drop") +
           line("udp length 1-7 drop") + wrong_lengths() +
           line("counter reject with icmpx port-unreachable") + line("counter drop");
}

/// Resets on their way out. The kernel's own carry a flow label that stays the same for the same ports and
/// addresses; those of `reject` none.
std::string answers(const std::string& tcp_ports) {
    const std::string tos4 = "ip daddr . tcp dport . tcp sport map @tos4";
    return line("type filter hook output priority mangle; policy accept;") +
           line("tcp flags & rst == 0 accept") + line("tcp sport != " + tcp_ports + " accept") +
           // nft keeps the header's checksum right where it writes a field that it knows by name, and not
           // where it writes by offset. So the identification, 0 in a reset, is changed by name and back by
           // offset: the checksum has then changed by the class alone when that is written by offset.
           line("ip id set " + tos4 + " @nh,32,16 set 0x4500 ip id set 0 @nh,0,16 set " + tos4) +
           // The label's 20 bits are written as three bytes, with four bits of the class, which is zero.
           line("ip6 flowlabel 0 @nh,8,24 set jhash ip6 saddr . ip6 daddr . tcp sport . tcp dport mod "
                "0xffffffff "
                "ip6 dscp set 0 ip6 ecn set 0") +
           line("meta nfproto ipv6 @nh,0,16 set @nh,256,64 . tcp dport . tcp sport map @tos6");
}

} // namespace

std::string reset_maps() {
    // An answer leaves while its segment is being handled: a few milliseconds are more than enough. When they
    // are full, an answer has no class.
    const std::string rest =
        " . tcp sport . tcp dport : ip id; flags dynamic,timeout; timeout 4ms; size 65536; }\n";
    return "\tmap tos4 { typeof ip saddr" + rest + "\tmap tos6 { typeof @nh,128,64" + rest;
}

std::string reset_chains(const std::string& tcp_ports, const std::string& before) {
    return chain("refuse_tcp", refuse_tcp()) + chain("refuse_udp", refuse_udp()) +
           chain("refuse", before + refuse()) +
           (tcp_ports.empty() ? "" : chain("answers", answers(tcp_ports)));
}

} // namespace chronoknock::firewall
