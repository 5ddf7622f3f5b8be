#include "client/reach.hpp"
#include "client/window.hpp"

#include <boost/test/unit_test.hpp>
#include <ostream>

using namespace chronoknock;
using namespace std::chrono_literals;
using client::choose_window;

namespace {

unix_time at(nanoseconds since_epoch) { return unix_time(since_epoch); }

} // namespace

namespace chronoknock::client {
std::ostream& operator<<(std::ostream& out, const turn& t) {
    return out << t.t0 << " after " << t.wait.count() << " ns";
}
} // namespace chronoknock::client

BOOST_AUTO_TEST_CASE(window_has_begun_even_if_the_clock_is_ahead) {
    const auto k = 10;
    BOOST_TEST(choose_window(k, {at(1005s), 0ns}, {}) == (client::turn{1000, 0ns}));
    BOOST_TEST(choose_window(k, {at(1000s), 0ns}, {}) == (client::turn{1000, 0ns}));
    BOOST_TEST(choose_window(k, {at(1000s), 1ms}, {}) == (client::turn{990, 0ns}));
    BOOST_TEST(choose_window(k, {at(1002s), 1999ms}, {}) == (client::turn{1000, 0ns}));
}

BOOST_AUTO_TEST_CASE(every_moment_within_the_error_is_within_the_servers_window) {
    // The server with a perfect clock takes t0 within [t0, t0 + 2g).
    for (const int g : {1, 2, 10, 60})
        for (nanoseconds error = 0ns; error <= g * 500ms; error += g * 125ms)
            for (nanoseconds t = 1000s; t < 1000s + 3s * g; t += g * 50ms) {
                const auto turn = choose_window(static_cast<std::uint32_t>(g), {at(t), error}, {});
                const nanoseconds t0 = seconds(turn.t0);
                BOOST_TEST((t0 <= t - error && t + error < t0 + 2s * g),
                           "g " << g << ", t " << t.count() << ", e " << error.count() << ": " << turn.t0);
            }
}

BOOST_AUTO_TEST_CASE(hopeless_error_stays_in_the_middle) {
    // Whatever the bound says, half a window to either side is the best that can be had.
    BOOST_TEST(choose_window(10, {at(1004s), 1h}, {}) == (client::turn{990, 0ns}));
    BOOST_TEST(choose_window(10, {at(1006s), 1h}, {}) == (client::turn{1000, 0ns}));
}

BOOST_AUTO_TEST_CASE(burnt_window_waits_for_the_next) {
    const auto k = 10;
    BOOST_TEST(choose_window(k, {at(1004s), 0ns}, 1000) == (client::turn{1010, 6s}));
    BOOST_TEST(choose_window(k, {at(1004s), 500ms}, 1000) == (client::turn{1010, 6500ms}));
    BOOST_TEST(choose_window(k, {at(1010s), 0ns}, 1000) == (client::turn{1010, 0ns}));
    BOOST_TEST(choose_window(k, {at(1004s), 0ns}, 990) == (client::turn{1000, 0ns}));
    // when the wait is over, the turn has come
    BOOST_TEST(choose_window(k, {at(1004s + 6500ms), 500ms}, 1000) == (client::turn{1010, 0ns}));
}

BOOST_AUTO_TEST_CASE(clock_that_went_back_does_not_wait_for_ever) {
    const auto k = 10;
    BOOST_TEST(choose_window(k, {at(1004s), 0ns}, 1010) == (client::turn{1020, 16s}));
    BOOST_TEST(choose_window(k, {at(1004s), 0ns}, 1020) == (client::turn{1000, 0ns}));
}

BOOST_AUTO_TEST_CASE(key_to_which_the_time_is_nothing_never_waits) {
    BOOST_TEST(choose_window(0, {at(1004s), 0ns}, 1000).wait.count() == 0);
    BOOST_TEST(choose_window(0, {at(1004s), 0ns}, 1004).wait.count() == 0);
}

namespace {

struct some_key final : key::credential {
    some_key(bool names, bool asks = false) : names_(names), asks_(asks) {}
    std::string_view method() const override { return ""; }
    const std::string& fingerprint() const override { return none_; }
    std::uint32_t granularity() const override { return 0; }
    bool never_changes() const override { return false; }
    bool heeds_address() const override { return true; }
    bool names_service() const override { return names_; }
    bool asks_for_ports() const override { return asks_; }
    std::uint32_t least_memory() const override { return 0; }
    void forget_secret() override {}

private:
    std::string none_;
    bool names_;
    bool asks_;
};

} // namespace

BOOST_AUTO_TEST_CASE(service_that_a_knock_can_ask_for) {
    const some_key by_name(true), for_all(false), by_port(true, true);
    BOOST_TEST(client::check_service("", by_name).has_value());
    BOOST_TEST(client::check_service("ssh", by_name).has_value());
    BOOST_TEST(client::check_service("1\n", by_name).error().text ==
               "expected the name of a service, not '1\\x0a'");
    BOOST_TEST(client::check_service("tcp/22", by_name).has_error());
    BOOST_TEST(client::check_service("", for_all).has_value());
    BOOST_TEST(client::check_service("ssh", for_all).error().text ==
               "expected none: a knock of this key opens all that it may open");
    BOOST_TEST(client::check_service("tcp/22", by_port).has_value());
    BOOST_TEST(client::check_service("tcp/22, udp/53", by_port).has_value());
    for (const auto* text : {"", "ssh", "tcp/22,tcp/22", "tcp/22-23", "tcp/0", "tcp/22,", "icmp/1"})
        BOOST_TEST(client::check_service(text, by_port).error().text ==
                   "expected 1 to 40 ports like tcp/22,udp/53, each once");
}

BOOST_AUTO_TEST_CASE(address_that_a_router_replaces) {
    const auto translated = [](std::string_view source, std::string_view target) {
        return client::is_translated(address::parse(source).value(), address::parse(target).value());
    };
    BOOST_TEST(translated("192.168.1.2", "198.51.100.1"));
    BOOST_TEST(translated("100.64.0.1", "198.51.100.1"));
    BOOST_TEST(translated("fd00::1", "2001:db8::1"));
    BOOST_TEST(!translated("192.168.1.2", "10.0.0.1"));
    BOOST_TEST(!translated("203.0.113.1", "198.51.100.1"));
    BOOST_TEST(!translated("127.0.0.1", "127.0.0.1"));
    BOOST_TEST(!translated("2001:db8::2", "2001:db8::1"));
}
