#include "io/client/knocker.hpp"
#include "lab.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

using namespace chronoknock;
using namespace std::chrono_literals;

namespace {

std::vector<client::shot> syns_to(const std::vector<std::uint16_t>& ports) {
    std::vector<client::shot> shots;
    for (const auto port : ports) shots.push_back({packet::kind::syn, port});
    return shots;
}

struct seen_syn {
    std::string from;
    std::string to;
    std::uint16_t port;
    std::string connection; ///< source port and sequence number: the same again is a retransmission
};

/// A network of its own: loopback, where closed ports answer, and `hole`, behind which all is silent.
class island {
public:
    island() : home_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
        lab::require(unshare(CLONE_NEWNET) == 0, "unshare");
        lab::run("ip link set lo up && ip link add hole type veth peer name bottom && ip link set bottom up "
                 "&& ip link set hole arp off up && "
                 "ip addr add 10.7.0.1/24 dev hole && ip addr add 10.7.0.2/24 dev hole && "
                 "ip addr add fd07::1/64 dev hole nodad");
        sniffer_ = lab::descriptor(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_ALL)));
        lab::require(sniffer_.get() >= 0, "packet socket");
    }
    ~island() { setns(home_.get(), CLONE_NEWNET); }

    /// The SYNs sent so far and not yet told.
    std::vector<seen_syn> syns() const {
        std::vector<seen_syn> all;
        std::array<std::uint8_t, 2048> p{};
        sockaddr_ll link{};
        for (;;) {
            socklen_t size = sizeof link;
            const auto n =
                recvfrom(sniffer_.get(), p.data(), p.size(), 0, reinterpret_cast<sockaddr*>(&link), &size);
            if (n < 0) return all;
            if (link.sll_pkttype != PACKET_OUTGOING) continue;
            const bool v4 = p[0] >> 4 == 4;
            if (p[v4 ? 9 : 6] != IPPROTO_TCP) continue;
            const auto* tcp = p.data() + (v4 ? (p[0] & 15) * 4 : 40);
            if ((tcp[13] & 0x12) != 0x02) continue;
            const auto where = [&](std::size_t at4, std::size_t at6) {
                return (v4 ? address::v4(std::span<const std::uint8_t, 4>(&p[at4], 4))
                           : address::v6(std::span<const std::uint8_t, 16>(&p[at6], 16)))
                    .to_string();
            };
            all.push_back({where(12, 8), where(16, 24), static_cast<std::uint16_t>(tcp[2] << 8 | tcp[3]),
                           std::string(tcp, tcp + 2) + std::string(tcp + 4, tcp + 8)});
        }
    }

private:
    lab::descriptor home_;
    lab::descriptor sniffer_;
};

address ip(std::string_view text) { return address::parse(text).value(); }

std::vector<std::uint16_t> ports_of(const std::vector<seen_syn>& syns) {
    std::vector<std::uint16_t> ports;
    for (const auto& s : syns) ports.push_back(s.port);
    return ports;
}

std::vector<std::uint16_t> repeated(const std::vector<std::uint16_t>& ports, int rounds) {
    std::vector<std::uint16_t> all;
    for (; rounds > 0; --rounds) all.insert(all.end(), ports.begin(), ports.end());
    return all;
}

const std::vector<std::uint16_t> ports = {40001, 0, 50002, 40001, 65535, 1024};

} // namespace

BOOST_AUTO_TEST_SUITE(knocker, *boost::unit_test::precondition(lab::is_root))

BOOST_AUTO_TEST_CASE(two_rounds_to_a_host_that_answers) {
    const island here;
    for (const auto& [from, to] : {std::pair{"127.0.0.5", "127.0.0.1"}, std::pair{"fd07::1", "::1"}}) {
        io::knock_order order;
        order.to.ip = ip(to);
        order.bind = ip(from);
        order.shots = syns_to(ports);
        const auto report = io::send_knock(order);
        BOOST_REQUIRE_MESSAGE(report.has_value(), report.error().text);
        BOOST_TEST(report->syns == 12u);
        BOOST_TEST(report->rounds == 2u);
        BOOST_TEST(!report->opened_after.has_value());
        const auto seen = here.syns();
        BOOST_TEST(ports_of(seen) == repeated(ports, 2), boost::test_tools::per_element());
        for (const auto& s : seen) {
            BOOST_TEST(s.from == from);
            BOOST_TEST(s.to == to);
        }
    }
}

BOOST_AUTO_TEST_CASE(five_rounds_into_silence_and_no_retransmission) {
    const island here;
    for (const auto* to : {"10.7.0.99", "fd07::99"}) {
        io::knock_order order;
        order.to.ip = ip(to);
        order.shots = syns_to(ports);
        order.wait_port = 22;
        order.wait_limit = 1200ms; // the kernel would send again after 1 s
        const auto report = io::send_knock(order);
        BOOST_REQUIRE_MESSAGE(report.has_value(), report.error().text);
        BOOST_TEST(report->rounds == 5u);
        BOOST_TEST(!report->opened_after.has_value());
        auto seen = here.syns();
        const auto tries = std::erase_if(seen, [](const auto& s) { return s.port == 22; });
        BOOST_TEST(tries > 5u);
        BOOST_TEST(ports_of(seen) == repeated(ports, 5), boost::test_tools::per_element());
        std::ranges::sort(seen, {}, &seen_syn::connection);
        BOOST_TEST((std::ranges::adjacent_find(seen, {}, &seen_syn::connection) == seen.end()));
    }
}

BOOST_AUTO_TEST_CASE(the_door_is_tried_between_rounds_and_not_within_one) {
    const island here;
    io::knock_order order;
    order.to.ip = ip("10.7.0.99");
    order.shots = syns_to(ports);
    order.pace.gap = 5ms;
    order.wait_port = 22;
    order.wait_limit = 200ms;
    BOOST_REQUIRE(io::send_knock(order));
    std::size_t sent = 0;
    std::size_t tries = 0;
    std::size_t amid = 0;
    for (const auto& s : here.syns()) {
        if (s.port != 22) {
            ++sent;
            continue;
        }
        ++tries;
        if (sent % ports.size() != 0) ++amid;
    }
    BOOST_TEST(sent == 5 * ports.size());
    BOOST_TEST(tries > 10u);
    BOOST_TEST(amid == 0u);
}

BOOST_AUTO_TEST_CASE(rounds_asked_for_are_the_rounds_sent) {
    const island here;
    io::knock_order order;
    order.to.ip = ip("127.0.0.1");
    order.shots = syns_to(ports);
    order.pace.least = order.pace.most = 1;
    BOOST_TEST(io::send_knock(order)->syns == 6u);
    BOOST_TEST(ports_of(here.syns()) == ports, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_open_door_ends_the_knock) {
    const island here;
    const auto door = lab::listen_on(2222);
    io::knock_order order;
    order.to.ip = ip("127.0.0.1");
    order.shots = syns_to(ports);
    order.wait_port = 2222;
    order.pace.pause = 5s; // on a busy machine one round takes long
    const auto report = io::send_knock(order);
    BOOST_REQUIRE(report.has_value());
    BOOST_REQUIRE(report->opened_after.has_value());
    BOOST_TEST(report->opened_after->count() > 0);
    BOOST_TEST(report->syns == 6u); // one round
}

BOOST_AUTO_TEST_CASE(machine_that_cannot_send_says_so_and_names_no_port) {
    const island here;
    io::knock_order order;
    order.to.ip = ip("192.0.2.1");
    order.shots = syns_to(ports);
    BOOST_TEST(io::send_knock(order).error().text == "cannot send to 192.0.2.1: Network is unreachable");
    order.bind = ip("192.0.2.2");
    BOOST_TEST(io::send_knock(order).error().text ==
               "cannot send from 192.0.2.2: Cannot assign requested address");
}

BOOST_AUTO_TEST_CASE(source_is_what_the_route_says) {
    const island here;
    lab::run("ip route add 198.51.100.0/24 dev hole src 10.7.0.2");
    BOOST_TEST(io::source_towards({ip("10.7.0.99")})->to_string() == "10.7.0.1");
    BOOST_TEST(io::source_towards({ip("198.51.100.9")})->to_string() == "10.7.0.2");
    BOOST_TEST(io::source_towards({ip("fd07::99")})->to_string() == "fd07::1");
    BOOST_TEST(io::source_towards({ip("127.0.0.1")})->to_string() == "127.0.0.1");
    BOOST_TEST(io::source_towards({ip("192.0.2.1")}).error().text ==
               "no route to 192.0.2.1: Network is unreachable");
    BOOST_TEST(io::is_local(ip("10.7.0.2")));
    BOOST_TEST(!io::is_local(ip("203.0.113.5")));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(numbers_resolve_to_themselves) {
    BOOST_TEST(io::resolve("192.0.2.1")->front().ip.to_string() == "192.0.2.1");
    BOOST_TEST(io::resolve("2001:db8::1")->front().ip.to_string() == "2001:db8::1");
    BOOST_TEST(io::resolve("::ffff:192.0.2.1")->front().ip.to_string() == "192.0.2.1");
    BOOST_TEST(io::resolve("no such host").error().text.starts_with("no such host: "));
}
