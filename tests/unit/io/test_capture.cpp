#include "capture_lab.hpp"

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <thread>

using namespace capture_lab;

BOOST_AUTO_TEST_SUITE(capture, *boost::unit_test::precondition(lab::is_root))

BOOST_AUTO_TEST_CASE(a_syn_is_seen_once_with_its_fields) {
    const link_lab net;
    for (const std::string interface : {"a1", "any"}) {
        BOOST_TEST_CONTEXT(interface) {
            watch w(interface);
            send("a0", ethernet(ipv4(tcp({40001, 2001, 77}))));
            BOOST_TEST(w.sees(2001));
            BOOST_TEST(w.last().source.to_string() == "192.0.2.1");
            BOOST_TEST(w.last().source_port == 40001);
            BOOST_TEST(w.last().sequence == 77u);
            send("a0", ethernet(ipv6(tcp({40002, 2002, 78}))), 0x86dd);
            BOOST_TEST(w.sees(2002));
            BOOST_TEST(w.last().source.to_string() == "2001:db8::1");
            BOOST_TEST(w.syns.size() == 2u);
            BOOST_TEST(w.batches == 2);
            BOOST_TEST(!w.open_batch);
            BOOST_TEST(w.capture.count().seen == 2u);
            BOOST_TEST(w.capture.count().syns == 2u);
        }
    }
}

BOOST_AUTO_TEST_CASE(by_loopback_once_and_by_a_real_connection) {
    const link_lab net;
    for (const std::string interface : {"lo", "any"}) {
        BOOST_TEST_CONTEXT(interface) {
            watch w(interface);
            for (const auto& [host, port] : {std::pair{"127.0.0.1", 2001}, {"::1", 2002}}) {
                const lab::socket_address to(host, static_cast<std::uint16_t>(port));
                const lab::descriptor s(socket(to.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
                connect(s.get(), to.get(), to.size);
                BOOST_TEST(w.sees(static_cast<std::uint16_t>(port)));
                BOOST_TEST(w.last().source.to_string() == host);
            }
            BOOST_TEST(w.syns.size() == 2u);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_goes_out_is_not_seen) {
    const link_lab net;
    {
        watch w("a0");
        send("a0", syn_to(2001));
        send("a1", syn_to(2002));
        BOOST_TEST(w.sees(2002));
        BOOST_TEST(w.count(2001) == 0u);
    }
    watch w("any");
    send("b0", syn_to(2001));
    w.context.poll();
    BOOST_TEST(w.capture.count().wakes == 0u); // not even woken for it
    send("a0", syn_to(2002));
    BOOST_TEST(w.sees(2002));
    BOOST_TEST(w.count(2001) == 0u);
}

BOOST_AUTO_TEST_CASE(tagged_frames) {
    const link_lab net;
    const auto tagged = [](std::uint16_t port, std::initializer_list<std::uint16_t> tags, bool v6 = false) {
        return ethernet(v6 ? ipv6(tcp({.port = port})) : ipv4(tcp({.port = port})), tags);
    };
    {
        watch w("a1");
        send("a0", tagged(2001, {0x8100}), 0x8100);
        send("a0", tagged(2002, {0x88a8, 0x8100}), 0x88a8);
        send("a0", tagged(2003, {0x8100, 0x8100}, true), 0x8100);
        send("a0", tagged(2004, {0x88a8, 0x8100, 0x8100}), 0x88a8);
        send("a0", syn_to(2005));
        BOOST_TEST(w.sees(2005));
        std::set<int> seen;
        for (const auto& s : w.syns) seen.insert(s.port);
        BOOST_TEST((seen == std::set{2001, 2002, 2003, 2005}));
        BOOST_TEST(w.syns.size() == 4u);
    }
    // By real VLAN interfaces, whose tags travel beside the frame and not in it.
    if (system("ip link add link a0 name a0.7 type vlan id 7 2>&1") != 0) {
        BOOST_TEST_MESSAGE("no VLAN interfaces in this kernel");
        return;
    }
    lab::run("ip link add link a1 name a1.7 type vlan id 7 && ip link set a0.7 up && ip link set a1.7 up");
    for (const std::string interface : {"a1", "a1.7", "any"}) {
        BOOST_TEST_CONTEXT(interface) {
            watch w(interface);
            send("a0.7", syn_to(2001));
            send("a0", syn_to(2002));
            send("a0.7", syn_to(2003));
            BOOST_TEST(w.sees(2003));
            // "any" sees it on a1, and on a1.7 again.
            BOOST_TEST(w.count(2001) == (interface == "any" ? 2u : 1u));
            BOOST_TEST(w.count(2002) == (interface == "a1.7" ? 0u : 1u));
        }
    }
}

BOOST_AUTO_TEST_CASE(raw_ip_by_a_tunnel) {
    const link_lab net;
    const lab::descriptor tunnel(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    if (tunnel.get() < 0) {
        BOOST_TEST_MESSAGE("no /dev/net/tun here");
        return;
    }
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    std::strcpy(request.ifr_name, "t0");
    lab::require(ioctl(tunnel.get(), TUNSETIFF, &request) == 0, "TUNSETIFF");
    lab::run("ip link set t0 up");
    for (const std::string interface : {"t0", "any"}) {
        BOOST_TEST_CONTEXT(interface) {
            watch w(interface);
            for (const auto& packet : {ipv4(tcp({.port = 2001})), ipv6(tcp({.port = 2002}))})
                lab::require(write(tunnel.get(), packet.data(), packet.size()) > 0, "write");
            BOOST_TEST(w.sees(2002));
            BOOST_TEST(w.count(2001) == 1u);
        }
    }
}

BOOST_AUTO_TEST_CASE(only_syns_to_the_pool) {
    const link_lab net;
    std::string scattered = "2000";
    for (int port = 2010; port <= 2200; port += 10) scattered += "," + std::to_string(port);
    for (const auto& [pool, outside] : {std::pair{std::string("2000-2100,2200"), 0u}, {scattered, 1u}}) {
        BOOST_TEST_CONTEXT(pool) {
            watch w("a1", pool);
            for (const bool v6 : {false, true})
                for (const std::uint16_t port : std::vector<std::uint16_t>{1999, 2000, 2195, 2201, 2200}) {
                    const auto type = static_cast<std::uint16_t>(v6 ? 0x86dd : 0x0800);
                    const auto frame = [&](std::uint8_t flags) {
                        const auto segment = tcp({.port = port, .flags = flags});
                        return ethernet(v6 ? ipv6(segment) : ipv4(segment));
                    };
                    for (const auto flags : bytes{0x10, 0x12, 0x03, 0x06, 0x02})
                        send("a0", frame(flags), type);
                }
            BOOST_TEST(w.until([&] { return w.count(2200) == 2; }));
            BOOST_TEST(w.count(2000) == 2u);
            BOOST_TEST(w.syns.size() == 4u);
            // What the kernel's filter cannot say cheaply is sorted out here: 2195, twice.
            BOOST_TEST(w.capture.count().outside == 2 * outside);
            BOOST_TEST(w.capture.count().seen == 4u + 2 * outside);
        }
    }
}

BOOST_AUTO_TEST_CASE(malformed_frames_are_counted) {
    const link_lab net;
    watch w("a1");
    auto frame = syn_to(2001);
    frame[14 + 20 + 12] = 0x40; // data offset
    send("a0", frame);
    send("a0", syn_to(2002));
    BOOST_TEST(w.sees(2002));
    BOOST_TEST(w.capture.count().malformed == 1u);
    BOOST_TEST(w.capture.count().seen == 2u);
    BOOST_TEST(w.syns.size() == 1u);
}

BOOST_AUTO_TEST_CASE(datagrams_that_are_wished_for_come_with_their_payload) {
    const link_lab net;
    const packet::capture_wish wish{
        .syns = *port_set::parse("2000-3000"),
        .datagrams = {{*port_set::parse("62201"), {0, 300}}, {*port_set::parse("53")}}};
    const auto datagram = [](std::uint16_t port, std::size_t size) {
        return udp(40000, port, bytes(size, 'x'));
    };
    for (const std::string interface : {"a1", "any"}) {
        BOOST_TEST_CONTEXT(interface) {
            watch w(interface, wish);
            send("a0", ethernet(ipv4(datagram(2001, 10), {.protocol = 17})));
            send("a0", ethernet(ipv4(tcp({.port = 53}))));
            send("a0", ethernet(ipv4(datagram(62201, 300), {.protocol = 17, .words = 15}), {0x88a8, 0x8100}),
                 0x88a8);
            if (interface == "any") // no tags there
                send("a0", ethernet(ipv4(datagram(62201, 300), {.protocol = 17, .words = 15})));
            BOOST_TEST(w.sees(62201));
            BOOST_TEST((w.last().kind == packet::kind::datagram));
            BOOST_TEST(w.payload == std::string(300, 'x'));
            send("a0", ethernet(ipv6(datagram(53, 1000), {.next_header = 17})), 0x86dd);
            BOOST_TEST(w.sees(53));
            BOOST_TEST(w.payload.size() >= 300u); // as far as captured
            BOOST_TEST(w.payload.size() < 400u);
            send("a0", syn_to(2002));
            BOOST_TEST(w.sees(2002));
            BOOST_TEST(w.payload.empty());
            BOOST_TEST(w.capture.count().syns == 1u);
            BOOST_TEST(w.capture.count().datagrams == 2u);
            BOOST_TEST(w.capture.count().seen == 3u);
        }
    }
}

// What the kernel's filter drops is not counted as seen, nor does it wake the program.
BOOST_AUTO_TEST_CASE(datagrams_and_echo_requests_of_other_sizes_stay_in_the_kernel) {
    const link_lab net;
    const packet::size_range whole{57, 57};
    const packet::capture_wish wish{.syns = *port_set::parse("2000"),
                                    .datagrams = {{*port_set::parse("1024-65535"), whole},
                                                  {*port_set::parse("3000-4000"), {0, 0}},
                                                  {*port_set::parse("53"), {19, 512}}},
                                    .echoes = whole};
    struct probe {
        std::uint16_t port; // 0: an echo request
        std::size_t size;
        bool passes;
    };
    const probe probes[] = {
        {7000, 0, false}, {7000, 56, false}, {7000, 57, true}, {7000, 58, false}, {7000, 1200, false},
        {3000, 0, true},  {3000, 1, false},  {3000, 57, true}, {53, 18, false},   {53, 19, true},
        {53, 512, true},  {53, 513, false},  {54, 57, false},  {0, 0, false},     {0, 56, false},
        {0, 57, true},    {0, 58, false},    {0, 1200, false},
    };
    const auto segment = [](const probe& p, bool v6) {
        const bytes payload(p.size, 'x');
        if (p.port != 0) return udp(40000, p.port, payload);
        bytes echo{static_cast<std::uint8_t>(v6 ? 128 : 8), 0, 0, 0, 0, 1, 0, 1};
        put(echo, payload);
        return echo;
    };
    struct form {
        const char* interface;
        bool v6;
        bool tagged;        // there are no tags on "any"
        std::uint8_t words; // of the header of IPv4
    };
    constexpr form forms[] = {{"a1", false, false, 5}, {"a1", false, false, 15}, {"a1", false, true, 15},
                              {"a1", true, false, 0},  {"a1", true, true, 0},    {"any", false, false, 15},
                              {"any", true, false, 0}};
    for (const auto& f : forms) {
        BOOST_TEST_CONTEXT(f.interface << " v6 " << f.v6 << " tagged " << f.tagged << " words " << +f.words) {
            watch w(f.interface, wish);
            std::vector<int> wished;
            for (const auto& p : probes) {
                const auto s = segment(p, f.v6);
                const bool echo = p.port == 0;
                const auto packet =
                    f.v6 ? ipv6(s, {.next_header = static_cast<std::uint8_t>(echo ? 58 : 17)})
                         : ipv4(s, {.protocol = static_cast<std::uint8_t>(echo ? 1 : 17), .words = f.words});
                if (f.tagged)
                    send("a0", ethernet(packet, {0x88a8, 0x8100}), 0x88a8);
                else
                    send("a0", ethernet(packet), f.v6 ? 0x86dd : 0x0800);
                if (p.passes) wished.push_back(p.port);
            }
            send("a0", syn_to(2000));
            wished.push_back(2000);
            BOOST_TEST(w.sees(2000));
            std::vector<int> seen;
            for (const auto& e : w.syns) seen.push_back(e.port);
            BOOST_TEST(seen == wished, boost::test_tools::per_element());
            BOOST_TEST(w.capture.count().seen == wished.size());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_handler_that_throws_does_not_end_the_capture) {
    const link_lab net;
    const log_lines log;
    watch w("a1");
    w.throws = true;
    for (int i = 0; i < 20; ++i) send("a0", syn_to(2001));
    BOOST_TEST(w.until([&] { return w.capture.count().syns == 20; }));
    BOOST_TEST(log.count("a1: a packet could not be dealt with: the handler's own trouble") == 1u);
    BOOST_TEST(log.count("could not be dealt with") == 1u); // whatever follows it within a minute
    w.throws = false;
    send("a0", syn_to(2002));
    BOOST_TEST(w.sees(2002));
    BOOST_TEST(w.count(2001) == 0u);
}

BOOST_AUTO_TEST_CASE(a_child_gets_no_packet_socket) {
    const link_lab net;
    const watch one("a1"), any("any");
    int sockets = 0;
    for (int fd = 0; fd < 1024; ++fd) {
        int domain = 0;
        socklen_t size = sizeof domain;
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
            (domain != AF_PACKET && domain != AF_NETLINK))
            continue;
        ++sockets;
        BOOST_TEST((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, fd);
    }
    BOOST_TEST(sockets >= 6); // for each: the ring, the one that asks about interfaces, news of addresses
}

BOOST_AUTO_TEST_CASE(it_wakes_seldom_when_busy_and_at_once_when_quiet) {
    const link_lab net;
    watch w("a1");
    const std::uint64_t many = 20000;
    const auto flood = [] {
        const lab::descriptor fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
        sockaddr_ll to{};
        to.sll_family = AF_PACKET;
        to.sll_ifindex = static_cast<int>(if_nametoindex("a0"));
        const auto frame = syn_to(2001);
        for (std::uint64_t i = 0; i < many; ++i)
            sendto(fd.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
    };
    // A machine with other work may make the flood a trickle, to which waking for each is right: hence some
    // tries.
    // The kernel knows how often the thread slept, which is more than how often it looked at the ring.
    const auto sleeps = [] {
        rusage use{};
        getrusage(RUSAGE_THREAD, &use);
        return static_cast<std::uint64_t>(use.ru_nvcsw);
    };
    std::uint64_t wakes = many;
    for (std::uint64_t tries = 1; tries <= 5 && wakes >= many / 20; ++tries) {
        const auto before = sleeps();
        const std::jthread sender(flood);
        BOOST_REQUIRE(w.until([&] { return w.count(2001) == tries * many; }));
        wakes = sleeps() - before;
    }
    BOOST_TEST_MESSAGE(wakes << " wakes for " << many << " SYNs");
    BOOST_TEST(wakes < many / 20);
    BOOST_TEST(w.capture.count().dropped == 0u);
    // Quiet again: no wake without cause, and one for each SYN.
    send("a0", syn_to(2002));
    BOOST_TEST(w.sees(2002));
    const auto settled = [&] {
        const auto before = w.capture.count().wakes;
        w.context.restart();
        w.context.run_for(milliseconds(20));
        return w.capture.count().wakes == before;
    };
    BOOST_TEST(w.until(settled));
    const auto quiet = w.capture.count().wakes;
    for (std::uint16_t port = 3000; port < 3050; ++port) {
        send("a0", syn_to(port));
        BOOST_TEST(w.sees(port));
    }
    BOOST_TEST(w.capture.count().wakes <= quiet + 55);
}

BOOST_AUTO_TEST_CASE(nothing_comes_after_stop) {
    const link_lab net;
    watch w("a1");
    send("a0", syn_to(2001));
    w.capture.stop(); // the wake-up is on its way
    w.context.restart();
    w.context.run_for(milliseconds(50));
    BOOST_TEST(w.syns.empty());
    BOOST_TEST(w.context.stopped()); // nothing is left to wait for
}

BOOST_AUTO_TEST_CASE(it_may_be_destroyed_with_a_wake_on_its_way) {
    const link_lab net;
    boost::asio::io_context context;
    ports_seen handler;
    {
        io::capture capture(context, {"a1"}, syns_to("1-65535"), {}, handler);
        BOOST_TEST(capture.start().has_value());
        send("a0", syn_to(2001));
    }
    context.run();
    BOOST_TEST(handler.ports.empty());
}

BOOST_AUTO_TEST_CASE(without_privilege_it_says_so) {
    ports_seen handler;
    boost::asio::io_context context;
    io::capture capture(context, {"lo"}, syns_to("1-65535"), {}, handler);
    lab::require(seteuid(65534) == 0, "seteuid");
    const auto started = capture.start();
    lab::require(seteuid(0) == 0, "seteuid");
    BOOST_REQUIRE(started.has_error());
    BOOST_TEST(started.error().text.find("capture: lo: cannot open a packet socket") == 0u);
    BOOST_TEST(started.error().text.find("CAP_NET_RAW") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
