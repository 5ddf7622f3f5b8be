#include "io/system/clock.hpp"
#include "io/time/timesync.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using io::time_service;

namespace {

config::time_settings settings_of(const char* server) {
    config::time_settings s;
    if (server) s.servers = {config::time_server::parse(server).value()};
    return s;
}

// Nothing listens on the discard port of the loopback: the kernel refuses at once.
const char* const dead = "127.0.0.1:9";

} // namespace

BOOST_AUTO_TEST_SUITE(timesync_shell)

BOOST_AUTO_TEST_CASE(without_servers_the_system_clock_is_trusted_as_far_as_the_kernel_vouches_for_it) {
    boost::asio::io_context context;
    time_service t{context, settings_of(nullptr)};
    t.start();
    const auto before = io::system_now();
    const auto trust = timesync::trust_system_clock(io::read_kernel_clock(), seconds(5)).bound;
    const auto e = t.now(io::boot_now() - seconds(10)).value();
    BOOST_TEST((std::chrono::abs(e.error - trust) < std::chrono::milliseconds(10))); // it grows
    BOOST_TEST((std::chrono::abs(e.t + seconds(10) - before) < seconds(1)));
}

BOOST_AUTO_TEST_CASE(without_an_answer_require_decides) {
    for (const bool require : {true, false}) {
        boost::asio::io_context context;
        auto s = settings_of(dead);
        s.require = require;
        time_service t{context, s};
        t.on_update([&] {
            if (t.settled()) context.stop();
        });
        t.start();
        context.run_for(seconds(10));
        BOOST_TEST(t.report().servers.at(0).problem == "Connection refused");
        BOOST_TEST(t.now(io::boot_now()).has_value() != require);
    }
}

BOOST_AUTO_TEST_CASE(a_query_in_vain_says_of_each_server_why) {
    const std::vector servers{config::time_server::parse(dead).value(),
                              config::time_server::parse("nts://127.0.0.1:9").value()};
    const auto t = io::query_time(servers, {});
    BOOST_REQUIRE(t.has_error());
    BOOST_TEST(t.error().text.find("127.0.0.1:9: Connection refused; nts://127.0.0.1:9: ") !=
                   std::string::npos,
               t.error().text);
}

BOOST_AUTO_TEST_CASE(authenticated_time_needs_an_nts_server) {
    io::query_options o;
    o.require_nts = true;
    const auto t = io::query_time({config::time_server::parse(dead).value()}, o);
    BOOST_TEST(t.error().text == "only authenticated time counts, but no server is an nts:// one");
}

BOOST_AUTO_TEST_CASE(a_file_of_authorities_that_is_not_there) {
    io::query_options o;
    o.ca_file = "/nowhere/ca.pem";
    const auto t = io::query_time({config::time_server::parse("nts://127.0.0.1:9").value()}, o);
    BOOST_TEST(t.error().text == "/nowhere/ca.pem: expected a readable file of certificates in PEM");
}

// A lookup that nobody waits for any more holds up neither the end of the service nor of its context.
BOOST_AUTO_TEST_CASE(ends_in_the_middle_of_everything) {
    boost::asio::io_context context;
    {
        time_service t{context, settings_of("nts://name.invalid")};
        t.start();
        context.poll();
    }
    context.poll();
    time_service other{context, settings_of("name.invalid")};
    other.start();
    context.restart();
    context.poll();
    BOOST_TEST(!other.now(io::boot_now()));
}

BOOST_AUTO_TEST_SUITE_END()
