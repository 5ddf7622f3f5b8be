#include "capture_lab.hpp"

#include <sys/resource.h>

using namespace capture_lab;

BOOST_AUTO_TEST_SUITE(capture_own_addresses, *boost::unit_test::precondition(lab::is_root))

BOOST_AUTO_TEST_CASE(only_what_is_addressed_here_counts) {
    const link_lab net;
    const auto to4 = [](std::uint16_t port, const ipv4_address& destination) {
        return ethernet(ipv4(tcp({.port = port}), {.destination = destination}));
    };
    const auto to6 = [](std::uint16_t port, std::uint8_t last) {
        ipv6_header h;
        h.destination[15] = last;
        return ethernet(ipv6(tcp({.port = port}), h));
    };
    lab::run("ip addr add 203.0.113.1/24 dev a0 && ip route add local 198.51.100.0/25 dev lo");
    watch w("a1", syns_to("0-65535"), {*prefix::parse("100.64.0.0/10"), *prefix::parse("2001:db8::8/126")});
    std::uint64_t others = 0;
    for (const auto& destination : {ipv4_address{192, 0, 2, 3},
                                    {203, 0, 113, 255},
                                    {198, 51, 100, 128},
                                    {100, 128, 0, 1},
                                    {255, 255, 255, 255},
                                    {224, 0, 0, 1}}) {
        send("a0", to4(2001, destination));
        others += destination[0] < 224; // what goes to all or to a group is not even an event
    }
    send("a0", to6(2001, 7), 0x86dd);
    ++others;
    std::uint16_t port = 3000;
    for (const auto& destination : {ipv4_address{192, 0, 2, 2},
                                    {203, 0, 113, 1},
                                    {198, 51, 100, 127},
                                    {127, 1, 2, 3},
                                    {100, 127, 255, 255}}) {
        send("a0", to4(++port, destination));
        BOOST_TEST(w.sees(port), port);
    }
    for (const std::uint8_t last : bytes{2, 8, 11}) {
        send("a0", to6(++port, last), 0x86dd);
        BOOST_TEST(w.sees(port), port);
    }
    BOOST_TEST(w.count(2001) == 0u);
    BOOST_TEST(w.capture.count().elsewhere == others);
}

BOOST_AUTO_TEST_CASE(addresses_come_and_go) {
    const link_lab net;
    watch w("a1");
    const auto last = [&](std::uint8_t n, std::uint16_t port) {
        send("a0", ethernet(ipv4(tcp({.port = port}), {.destination = {203, 0, 113, n}})));
    };
    /// Sent again and again: it is heard of by another socket.
    const auto becomes = [&](std::uint8_t n, bool counts) {
        return w.until([&] {
            w.syns.clear();
            last(n, 2001);
            last(n, 2002);
            send("a0", syn_to(2003));
            return w.sees(2003) && (w.count(2001) != 0) == counts && (w.count(2002) != 0) == counts;
        });
    };
    BOOST_TEST(becomes(7, false));
    lab::run("ip addr add 203.0.113.7/24 dev a1");
    BOOST_TEST(becomes(7, true));
    lab::run("ip addr add 203.0.113.8/24 dev a0");
    BOOST_TEST(becomes(8, true));
    lab::run("ip addr del 203.0.113.7/24 dev a1");
    BOOST_TEST(becomes(7, false));
    BOOST_TEST(becomes(8, true));
}

BOOST_AUTO_TEST_CASE(more_news_of_addresses_than_is_heard_of_does_no_harm) {
    const link_lab net;
    watch w("a1");
    lab::run(
        "for i in $(seq 0 39); do for j in $(seq 1 250); do echo addr add 10.0.$i.$j/32 dev a1; done; done | "
        "ip -batch -");
    BOOST_TEST(w.until([&] {
        w.syns.clear();
        send("a0", ethernet(ipv4(tcp({.port = 2001}), {.destination = {10, 0, 39, 250}})));
        send("a0", syn_to(2003));
        return w.sees(2003) && w.count(2001) == 1;
    }));
}

BOOST_AUTO_TEST_CASE(own_addresses_that_cannot_be_read_are_tried_again) {
    const link_lab net;
    const log_lines log;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    boost::asio::io_context context;
    std::vector<prefix> own;
    io::own_addresses addresses(context, [&](const std::vector<prefix>& all) { own = all; });
    auto none_left = limit;
    none_left.rlim_cur = static_cast<rlim_t>(lab::descriptor(dup(0)).get()); // the lowest that is free
    setrlimit(RLIMIT_NOFILE, &none_left);
    addresses.start();
    setrlimit(RLIMIT_NOFILE, &limit);
    BOOST_TEST(own.empty());
    BOOST_TEST(log.count("own addresses cannot be read: Too many open files; no knock counts") == 1u);
    const auto deadline = io::boot_now() + seconds(10);
    while (own.empty() && io::boot_now() < deadline) context.run_one_for(milliseconds(10));
    BOOST_TEST(std::ranges::count(own, *prefix::parse("192.0.2.2")) == 1);
    BOOST_TEST(log.count("own addresses are read") == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
