#include "packet/decode.hpp"

#include "../../support/frames.hpp"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <random>
#include <vector>

using namespace chronoknock;
using namespace support;
using link_type = packet::link; // link alone is link(2)
using packet::verdict;

namespace chronoknock::packet {
std::ostream& operator<<(std::ostream& out, verdict v) {
    return out << (v == verdict::event ? "event" : v == verdict::other ? "other" : "malformed");
}
} // namespace chronoknock::packet

namespace {

verdict decode(const bytes& frame, link_type type = link_type::raw_ip) {
    packet::event out;
    return packet::decode(type, frame, out);
}

void check_v4(const bytes& frame, link_type type) {
    packet::event out;
    BOOST_TEST(packet::decode(type, frame, out) == verdict::event);
    BOOST_TEST(out.source.to_string() == "192.0.2.1");
    BOOST_TEST(out.destination.to_string() == "192.0.2.2");
    BOOST_TEST((out.kind == packet::kind::syn));
    BOOST_TEST(out.source_port == 40000);
    BOOST_TEST(out.port == 2000);
    BOOST_TEST(out.sequence == 0x01020304u);
    BOOST_TEST(out.payload.empty());
}

std::string text_of(std::span<const std::uint8_t> payload) { return {payload.begin(), payload.end()}; }
bytes datagram(std::string_view payload, std::uint16_t port = 2000) {
    return udp(40000, port, bytes(payload.begin(), payload.end()));
}
bytes udp4(const bytes& segment, std::uint16_t fragment = 0x4000, std::uint8_t words = 5) {
    return ipv4(segment, {.protocol = 17, .fragment = fragment, .words = words});
}
bytes udp6(const bytes& segment) { return ipv6(segment, {.next_header = 17}); }
bytes first_of(const bytes& frame, std::size_t n) {
    return {frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(n)};
}

bytes cooked_v1(std::uint16_t type, const bytes& packet) {
    bytes out;
    put(out, std::array<std::uint8_t, 14>{});
    put16(out, type);
    put(out, packet);
    return out;
}

bytes cooked_v2(std::uint16_t type, const bytes& packet) {
    bytes out;
    put16(out, type);
    out.resize(20);
    put(out, packet);
    return out;
}

/// Attributes as libpcap gives them on this machine: the host's byte order.
bytes attribute(std::uint16_t type, const bytes& value, bool padded = true) {
    const std::uint16_t head[] = {static_cast<std::uint16_t>(4 + value.size()), type};
    bytes out(sizeof head);
    std::memcpy(out.data(), head, sizeof head);
    put(out, value);
    while (padded && out.size() % 4 != 0) out.push_back(0);
    return out;
}
bytes nflog(std::uint8_t family, const std::vector<bytes>& attributes) {
    bytes out = {family, 0, 0, 7};
    for (const auto& a : attributes) put(out, a);
    return out;
}

bytes changed(bytes frame, std::size_t at, std::uint8_t value) {
    frame.at(at) = value;
    return frame;
}

} // namespace

BOOST_AUTO_TEST_SUITE(decoding)

BOOST_AUTO_TEST_CASE(a_log_group_hands_over_packets) {
    const auto inner = ipv4(tcp());
    const auto header = attribute(1, {8, 0, 1, 0}), prefix = attribute(10, bytes(5, 'p'));
    check_v4(nflog(2, {attribute(9, inner)}), link_type::nflog);
    check_v4(nflog(2, {header, prefix, attribute(9, inner), attribute(3, bytes(20))}), link_type::nflog);
    check_v4(nflog(2, {header, attribute(9, inner, false)}), link_type::nflog);
    check_v4(nflog(2, {attribute(9 | 0x8000, inner)}), link_type::nflog); // a flag of netlink(7)
    BOOST_TEST(decode(nflog(10, {header, attribute(9, ipv6(tcp()))}), link_type::nflog) == verdict::event);
    // What a rule logs without its packet, of other families, or with what is no IP packet of the family.
    BOOST_TEST(decode(nflog(2, {header, prefix}), link_type::nflog) == verdict::other);
    BOOST_TEST(decode(nflog(2, {}), link_type::nflog) == verdict::other);
    BOOST_TEST(decode(nflog(7, {attribute(9, inner)}), link_type::nflog) == verdict::other);
    BOOST_TEST(decode(nflog(10, {attribute(9, inner)}), link_type::nflog) == verdict::malformed);
    BOOST_TEST(decode(nflog(2, {attribute(9, ipv6(tcp()))}), link_type::nflog) == verdict::malformed);
    BOOST_TEST(decode(changed(nflog(2, {attribute(9, inner)}), 1, 1), link_type::nflog) ==
               verdict::malformed);
}

BOOST_AUTO_TEST_CASE(attributes_that_lie) {
    const auto whole = nflog(2, {attribute(10, bytes(5, 'p')), attribute(9, ipv4(tcp()))});
    for (std::size_t n = 0; n < whole.size(); ++n)
        BOOST_TEST(decode(first_of(whole, n), link_type::nflog) != verdict::event);
    for (const auto length : bytes{0, 3})
        BOOST_TEST(decode(changed(changed(whole, 4, length), 5, 0), link_type::nflog) == verdict::malformed);
    BOOST_TEST(decode(changed(changed(whole, 4, 0xff), 5, 0xff), link_type::nflog) == verdict::malformed);
}

BOOST_AUTO_TEST_CASE(each_link_type_carries_a_syn) {
    const auto inner = ipv4(tcp());
    check_v4(inner, link_type::raw_ip);
    check_v4(ethernet(inner), link_type::ethernet);
    check_v4(cooked_v1(0x0800, inner), link_type::cooked_v1);
    check_v4(cooked_v2(0x0800, inner), link_type::cooked_v2);
    BOOST_TEST(decode(ethernet(ipv6(tcp())), link_type::ethernet) == verdict::event);
    BOOST_TEST(decode(cooked_v1(0x86dd, ipv6(tcp())), link_type::cooked_v1) == verdict::event);
    BOOST_TEST(decode(cooked_v2(0x86dd, ipv6(tcp())), link_type::cooked_v2) == verdict::event);
}

// An Ethernet frame of the usual shape is decoded by a shorter way: whatever is changed in one, the result is
// what its packet alone gives.
BOOST_AUTO_TEST_CASE(a_frame_is_what_its_packet_is) {
    std::mt19937 random(3);
    const auto usual = ethernet(ipv4(tcp({.words = 10})));
    std::size_t events = 0;
    for (int i = 0; i < 200'000; ++i) {
        auto frame = usual;
        for (auto changes = random() % 3; changes != 0; --changes) {
            const auto at = 14 + random() % (frame.size() - 14);
            frame[at] = static_cast<std::uint8_t>(random() % 4 ? frame[at] ^ 1u << random() % 8 : random());
        }
        if (random() % 4 == 0) frame.resize(14 + random() % (frame.size() - 13));
        if (frame.size() > 14 && frame[14] / 16 == 6) continue; // raw IP goes by it
        packet::event of_frame, of_packet, of_cooked;
        const auto found = packet::decode(link_type::ethernet, frame, of_frame);
        BOOST_REQUIRE(found == packet::decode(link_type::raw_ip,
                                              std::span<const std::uint8_t>(frame).subspan(14), of_packet));
        BOOST_REQUIRE((of_frame.source == of_packet.source && of_frame.destination == of_packet.destination));
        BOOST_REQUIRE((of_frame.kind == of_packet.kind && of_frame.source_port == of_packet.source_port &&
                       of_frame.port == of_packet.port && of_frame.sequence == of_packet.sequence));
        const auto cooked = cooked_v2(0x0800, {frame.begin() + 14, frame.end()});
        BOOST_REQUIRE(found == packet::decode(link_type::cooked_v2, cooked, of_cooked));
        BOOST_REQUIRE((of_cooked.source == of_packet.source && of_cooked.port == of_packet.port &&
                       of_cooked.destination == of_packet.destination &&
                       of_cooked.source_port == of_packet.source_port &&
                       of_cooked.sequence == of_packet.sequence));
        events += found == verdict::event;
    }
    BOOST_TEST(events > 50'000u);
    BOOST_TEST(events < 190'000u);
}

BOOST_AUTO_TEST_CASE(ipv6_fields) {
    packet::event out;
    BOOST_TEST(packet::decode(link_type::raw_ip, ipv6(tcp({1, 65535, 0xfffffffe})), out) == verdict::event);
    BOOST_TEST(out.source.to_string() == "2001:db8::1");
    BOOST_TEST(out.destination.to_string() == "2001:db8::2");
    BOOST_TEST(out.source_port == 1);
    BOOST_TEST(out.port == 65535);
    BOOST_TEST(out.sequence == 0xfffffffeu);
}

BOOST_AUTO_TEST_CASE(up_to_two_vlan_tags) {
    const auto inner = ipv4(tcp());
    check_v4(ethernet(inner, {0x8100}), link_type::ethernet);
    check_v4(ethernet(inner, {0x88a8, 0x8100}), link_type::ethernet);
    check_v4(ethernet(inner, {0x8100, 0x8100}), link_type::ethernet);
    BOOST_TEST(decode(ethernet(inner, {0x88a8, 0x8100, 0x8100}), link_type::ethernet) == verdict::other);
}

BOOST_AUTO_TEST_CASE(what_is_no_ip_is_other) {
    BOOST_TEST(decode(changed(ethernet(ipv4(tcp())), 13, 6), link_type::ethernet) == verdict::other); // ARP
    BOOST_TEST(decode(cooked_v2(0x0806, bytes(28)), link_type::cooked_v2) == verdict::other);
}

BOOST_AUTO_TEST_CASE(options_of_both_headers_are_skipped) {
    check_v4(ipv4(tcp({.words = 15}), {.words = 15}), link_type::raw_ip);
    BOOST_TEST(decode(ipv6(tcp({.words = 10}))) == verdict::event);
}

BOOST_AUTO_TEST_CASE(only_a_plain_syn_counts) {
    for (const bool v6 : {false, true})
        for (int flags = 0; flags < 256; ++flags) {
            const auto segment = tcp({.flags = static_cast<std::uint8_t>(flags)});
            const bool is_syn = (flags & 0x02) && !(flags & (0x01 | 0x04 | 0x10));
            BOOST_TEST(decode(v6 ? ipv6(segment) : ipv4(segment)) ==
                           (is_syn ? verdict::event : verdict::other),
                       "flags " << flags);
        }
}

BOOST_AUTO_TEST_CASE(other_protocols_and_extension_headers_are_other) {
    BOOST_TEST(decode(ipv4(bytes(20), {.protocol = 1})) == verdict::other);
    for (const std::uint8_t next : bytes{0, 43, 44, 51, 58, 60})
        BOOST_TEST(decode(ipv6(bytes(40), {.next_header = next})) == verdict::other);
}

BOOST_AUTO_TEST_CASE(echo_requests) {
    for (const bool v6 : {false, true}) {
        const auto of = [&](const bytes& segment, std::uint16_t fragment = 0) {
            return v6 ? ipv6(segment, {.next_header = 58})
                      : ipv4(segment, {.protocol = 1, .fragment = fragment});
        };
        const std::uint8_t request = v6 ? 128 : 8;
        const bytes echo{request, 0, 0, 0, 1, 2, 3, 4, 'd', 'a', 't', 'a'};
        packet::event out;
        const auto frame = of(echo);
        BOOST_TEST(packet::decode(link_type::raw_ip, frame, out) == verdict::event);
        BOOST_TEST((out.kind == packet::kind::echo));
        BOOST_TEST(out.port == 0);
        BOOST_TEST(std::string(out.payload.begin(), out.payload.end()) == "data");
        BOOST_TEST(decode(of({request, 0, 0, 0, 1, 2, 3, 4})) == verdict::event);
        BOOST_TEST(decode(of({request, 0, 0, 0, 1, 2, 3})) == verdict::malformed);
        BOOST_TEST(decode(of({request, 1, 0, 0, 1, 2, 3, 4})) == verdict::other);
        BOOST_TEST(decode(of({static_cast<std::uint8_t>(v6 ? 129 : 0), 0, 0, 0, 1, 2, 3, 4})) ==
                   verdict::other);
        if (!v6) BOOST_TEST(decode(of(echo, 0x2000)) == verdict::other);
    }
}

BOOST_AUTO_TEST_CASE(fragments) {
    BOOST_TEST(decode(ipv4(tcp(), {.fragment = 0x2000})) == verdict::event); // the first of several
    BOOST_TEST(decode(ipv4(tcp(), {.fragment = 0x2001})) == verdict::other); // no header in it
    BOOST_TEST(decode(ipv4(tcp(), {.fragment = 0x0001})) == verdict::other);
    BOOST_TEST(decode(ipv4(tcp(), {.fragment = 0x1000})) == verdict::other);
}

BOOST_AUTO_TEST_CASE(contradictions_are_malformed) {
    const auto v4 = ipv4(tcp());
    BOOST_TEST(decode(changed(v4, 0, 0x55)) == verdict::malformed);  // version
    BOOST_TEST(decode(changed(v4, 0, 0x44)) == verdict::malformed);  // header below 20 bytes
    BOOST_TEST(decode(changed(v4, 3, 19)) == verdict::malformed);    // total length below the header's
    BOOST_TEST(decode(changed(v4, 3, 39)) == verdict::malformed);    // no room for a TCP header
    BOOST_TEST(decode(changed(v4, 32, 0x40)) == verdict::malformed); // data offset below 5
    BOOST_TEST(decode(changed(v4, 32, 0x60)) == verdict::malformed); // data offset beyond the packet
    const auto v6 = ipv6(tcp());
    BOOST_TEST(decode(changed(ethernet(v6), 14, 0x40), link_type::ethernet) == verdict::malformed); // version
    BOOST_TEST(decode(changed(v6, 5, 19)) == verdict::malformed);    // no room for a TCP header
    BOOST_TEST(decode(changed(v6, 52, 0x40)) == verdict::malformed); // data offset below 5
    const ipv6_address mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
    BOOST_TEST(decode(ipv6(tcp(), {.source = mapped})) == verdict::malformed);
    BOOST_TEST(decode(ipv6(tcp(), {.destination = mapped})) == verdict::malformed);
}

BOOST_AUTO_TEST_CASE(what_is_sent_to_a_group_or_to_all_is_other) {
    const auto v4 = [](const ipv4_address& to) {
        return std::vector{decode(ipv4(tcp(), {.destination = to})),
                           decode(ipv4(datagram(""), {.destination = to, .protocol = 17}))};
    };
    for (const auto& to : {ipv4_address{224, 0, 0, 1}, {239, 255, 255, 255}, {255, 255, 255, 255}})
        for (const auto found : v4(to)) BOOST_TEST(found == verdict::other);
    for (const auto& to : {ipv4_address{223, 255, 255, 255}, {240, 0, 0, 1}, {255, 255, 255, 254}})
        for (const auto found : v4(to)) BOOST_TEST(found == verdict::event);
    BOOST_TEST(decode(ipv6(tcp(), {.destination = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}})) ==
               verdict::other);
    BOOST_TEST(decode(ipv6(tcp(), {.destination = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}})) ==
               verdict::event);
}

BOOST_AUTO_TEST_CASE(a_datagram_comes_with_its_payload) {
    packet::event out;
    const auto v4 = ethernet(udp4(datagram("hello", 62201)));
    BOOST_TEST(packet::decode(link_type::ethernet, v4, out) == verdict::event);
    BOOST_TEST(out.source.to_string() == "192.0.2.1");
    BOOST_TEST(out.destination.to_string() == "192.0.2.2");
    BOOST_TEST((out.kind == packet::kind::datagram));
    BOOST_TEST(out.source_port == 40000);
    BOOST_TEST(out.port == 62201);
    BOOST_TEST(out.sequence == 0u);
    BOOST_TEST(text_of(out.payload) == "hello");
    const auto v6 = cooked_v2(0x86dd, udp6(datagram("hello again", 53)));
    BOOST_TEST(packet::decode(link_type::cooked_v2, v6, out) == verdict::event);
    BOOST_TEST(out.source.to_string() == "2001:db8::1");
    BOOST_TEST(out.destination.to_string() == "2001:db8::2");
    BOOST_TEST((out.kind == packet::kind::datagram));
    BOOST_TEST(out.port == 53);
    BOOST_TEST(text_of(out.payload) == "hello again");
}

BOOST_AUTO_TEST_CASE(a_datagram_ends_where_its_header_says) {
    packet::event out;
    auto padded = ethernet(udp4(datagram("hi")));
    padded.resize(60);
    BOOST_TEST(packet::decode(link_type::ethernet, padded, out) == verdict::event);
    BOOST_TEST(text_of(out.payload) == "hi");
    // Shorter than the IP packet: what is behind it is not its payload.
    const auto shorter = changed(udp4(datagram("hello")), 20 + 5, 8 + 3);
    BOOST_TEST(packet::decode(link_type::raw_ip, shorter, out) == verdict::event);
    BOOST_TEST(text_of(out.payload) == "hel");
    const auto empty = udp6(datagram(""));
    BOOST_TEST(packet::decode(link_type::raw_ip, empty, out) == verdict::event);
    BOOST_TEST(out.payload.empty());
}

BOOST_AUTO_TEST_CASE(a_datagram_that_was_cut_has_the_payload_that_is_there) {
    const std::string payload = "0123456789";
    for (const bool v6 : {false, true}) {
        const auto full = v6 ? udp6(datagram(payload)) : udp4(datagram(payload), 0x4000, 15);
        const std::size_t headers = (v6 ? 40 : 60) + 8;
        for (std::size_t n = 0; n <= full.size(); ++n) {
            BOOST_TEST_CONTEXT(n << " bytes") {
                packet::event out;
                const auto frame = first_of(full, n);
                BOOST_TEST(packet::decode(link_type::raw_ip, frame, out) ==
                           (n < headers ? verdict::malformed : verdict::event));
                BOOST_TEST(text_of(out.payload) == (n < headers ? "" : payload.substr(0, n - headers)));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_datagram_in_fragments_is_other) {
    for (const std::uint16_t fragment : std::vector<std::uint16_t>{0x2000, 0x2001, 0x0001, 0x1000})
        BOOST_TEST(decode(udp4(datagram("hello"), fragment)) == verdict::other, fragment);
    BOOST_TEST(decode(udp4(datagram("hello"), 0)) == verdict::event);
}

BOOST_AUTO_TEST_CASE(a_datagrams_length_that_cannot_be_is_malformed) {
    for (const std::uint8_t length : bytes{0, 7, 14}) {
        BOOST_TEST(decode(changed(udp4(datagram("hello")), 20 + 5, length)) == verdict::malformed, length);
        BOOST_TEST(decode(changed(udp6(datagram("hello")), 40 + 5, length)) == verdict::malformed, length);
    }
    BOOST_TEST(decode(changed(udp4(datagram("hello")), 3, 27)) == verdict::malformed); // no room for a header
}

BOOST_AUTO_TEST_CASE(a_short_capture_will_do_if_it_has_the_flags) {
    const auto full = ethernet(ipv4(tcp({.words = 10}), {.words = 7}));
    const std::size_t needed = 14 + 28 + 14;
    for (std::size_t n = 0; n <= full.size(); ++n)
        BOOST_TEST(decode(bytes(full.begin(), full.begin() + static_cast<long>(n)), link_type::ethernet) ==
                       (n < needed ? verdict::malformed : verdict::event),
                   n << " bytes");
}

BOOST_AUTO_TEST_CASE(every_cut_is_malformed) {
    const auto check = [](const bytes& frame, link_type type, std::size_t needed) {
        for (std::size_t n = 0; n < needed; ++n)
            BOOST_TEST(decode(bytes(frame.begin(), frame.begin() + static_cast<long>(n)), type) ==
                           verdict::malformed,
                       n << " bytes");
    };
    check(ethernet(ipv6(tcp()), {0x88a8, 0x8100}), link_type::ethernet, 22 + 40 + 14);
    check(cooked_v1(0x86dd, ipv6(tcp())), link_type::cooked_v1, 16 + 40 + 14);
    check(cooked_v2(0x0800, ipv4(tcp())), link_type::cooked_v2, 20 + 20 + 14);
    check(ipv4(tcp()), link_type::raw_ip, 20 + 14);
    check(ipv6(tcp()), link_type::raw_ip, 40 + 14);
}

BOOST_AUTO_TEST_CASE(ethernet_padding_is_ignored) {
    auto frame = ethernet(ipv4(tcp()));
    frame.resize(60);
    check_v4(frame, link_type::ethernet);
}

BOOST_AUTO_TEST_CASE(only_an_event_is_written) {
    packet::event out;
    out.port = 7;
    for (const auto& frame : {ipv4(tcp({.flags = 0x12})), changed(ipv4(tcp()), 32, 0x40),
                              changed(udp4(datagram("hello")), 25, 7), bytes{}}) {
        BOOST_TEST(packet::decode(link_type::raw_ip, frame, out) != verdict::event);
        BOOST_TEST((out.source == address{}));
        BOOST_TEST(out.port == 7);
    }
}

// With AddressSanitizer: the frame is copied to memory of exactly its size.
BOOST_AUTO_TEST_CASE(mutated_frames) {
    std::mt19937 random(1);
    const std::vector<std::pair<link_type, bytes>> seeds = {
        {link_type::ethernet, ethernet(ipv4(tcp({.words = 10}), {.words = 8}), {0x88a8, 0x8100})},
        {link_type::ethernet, ethernet(ipv6(tcp()), {0x8100})},
        {link_type::cooked_v1, cooked_v1(0x0800, ipv4(tcp()))},
        {link_type::cooked_v2, cooked_v2(0x86dd, ipv6(tcp()))},
        {link_type::raw_ip, ipv4(tcp())},
        {link_type::raw_ip, udp4(datagram("some payload"))},
        {link_type::ethernet, ethernet(udp6(datagram("some payload")), {0x8100})},
    };
    int counts[3] = {};
    for (int i = 0; i < 200000; ++i) {
        const auto& [type, seed] = seeds[random() % seeds.size()];
        bytes frame = seed;
        for (auto n = random() % 4; n > 0; --n)
            frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
        if (random() % 4 == 0) frame.resize(random() % (frame.size() + 1));
        ++counts[static_cast<int>(decode(frame, type))];
    }
    for (const auto count : counts) BOOST_TEST(count > 1000);
}

BOOST_AUTO_TEST_SUITE_END()
