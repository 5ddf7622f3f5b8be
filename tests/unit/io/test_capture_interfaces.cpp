#include "capture_lab.hpp"

using namespace capture_lab;

BOOST_AUTO_TEST_SUITE(capture_interfaces, *boost::unit_test::precondition(lab::is_root))

BOOST_AUTO_TEST_CASE(an_interface_goes_down_and_comes_back) {
    const link_lab net;
    const log_lines log;
    watch w("a1");
    BOOST_TEST(log.count("a1: listening") == 1u);
    lab::run("ip link set a1 down");
    BOOST_TEST(w.until([&] { return log.count("a1: the interface is down") == 1; }));
    const auto wakes = w.capture.count().wakes;
    lab::run("ip link set a1 up");
    send("a0", syn_to(2001));
    BOOST_TEST(w.sees(2001));
    BOOST_TEST(w.until([&] { return log.count("a1: listening") == 2; }));
    BOOST_TEST(w.capture.count().wakes < wakes + 10); // it did not spin
    BOOST_TEST(log.count("a1: the interface is down") == 1u);
}

BOOST_AUTO_TEST_CASE(an_interface_is_deleted_and_made_anew) {
    const link_lab net;
    const log_lines log;
    watch w("a1");
    send("a0", syn_to(2001));
    BOOST_TEST(w.sees(2001));
    lab::run("ip link del a0");
    BOOST_TEST(w.until([&] { return log.count("a1: there is no such interface") == 1; }));
    link_lab::add_pair();
    BOOST_TEST(w.until([&] { return log.count("a1: the interface is down") == 1; }));
    lab::run("ip link set a0 up && ip link set a1 up");
    BOOST_TEST(w.until([&] { return log.count("a1: listening") == 2; }));
    send("a0", syn_to(2002));
    BOOST_TEST(w.sees(2002));
    BOOST_TEST(w.capture.count().syns == 2u); // goes on counting
    BOOST_TEST(w.capture.count().wakes < 10u);
}

BOOST_AUTO_TEST_CASE(another_interface_takes_the_name) {
    const link_lab net;
    const log_lines log;
    watch w("a1");
    lab::run("ip link set a1 down");
    BOOST_TEST(w.until([&] { return log.count("a1: the interface is down") == 1; }));
    lab::run("ip link del a0");
    link_lab::add_pair();
    lab::run("ip link set a0 up && ip link set a1 up");
    BOOST_TEST(w.until([&] { return log.count("a1: listening") == 2; }));
    send("a0", syn_to(2001));
    BOOST_TEST(w.sees(2001));
}

BOOST_AUTO_TEST_CASE(an_interface_appears_later) {
    const link_lab net;
    const log_lines log;
    watch named("c1");
    watch any("any");
    BOOST_TEST(log.count("c1: there is no such interface") == 1u);
    lab::run("ip link add c0 type veth peer name c1 && ip link set c0 up && ip link set c1 up");
    send("c0", syn_to(2001));
    BOOST_TEST(any.sees(2001));
    BOOST_TEST(named.until([&] { return log.count("c1: listening") == 1; }));
    send("c0", syn_to(2002));
    BOOST_TEST(named.sees(2002));
}

BOOST_AUTO_TEST_CASE(several_interfaces) {
    const link_lab net;
    ports_seen handler;
    boost::asio::io_context context;
    io::capture capture(context, {"a0", "a1", "missing0"}, syns_to("1-65535"), {}, handler);
    BOOST_TEST(capture.start().has_value());
    send("a0", syn_to(2001));
    send("a1", syn_to(2002));
    const auto deadline = io::boot_now() + seconds(10);
    while (handler.ports.size() < 2 && io::boot_now() < deadline) context.run_one_for(milliseconds(10));
    BOOST_TEST((handler.ports == std::set{2001, 2002}));
}

BOOST_AUTO_TEST_SUITE_END()
