#include "fixture.hpp"
#include "method/method.hpp"
#include "method/time_sequence/budget.hpp"

#include <cmath>

using namespace chronoknock;
using namespace chronoknock::time_sequence;
namespace tt = boost::test_tools;

BOOST_FIXTURE_TEST_CASE(the_figures_of_the_manual, lab) {
    // one service, its name and the empty one; a bound of 5 s on g = 10: three windows
    BOOST_TEST(live_sequences(psk(0), server.keys[0].services.size(), server.time.max_error) == 6.0);
    BOOST_TEST(security_bits(server.keys[0], server) == 109.7 - std::log2(6), tt::tolerance(0.001));

    psk(0).ports = *port_set::parse("20000-21023");
    psk(0).length = 32;
    server.knock.memory = 64;
    BOOST_TEST(security_bits(server.keys[0], server) == 137 + 2.585 - std::log2(6), tt::tolerance(0.03));
}

BOOST_FIXTURE_TEST_CASE(strict_leaves_only_the_ports, lab) {
    strict();
    BOOST_TEST(security_bits(server.keys[0], server) == 15 * 15 - std::log2(6), tt::tolerance(1e-9));
    psk(0).hmac = false;
    psk(0).ports = *port_set::parse("0-65535");
    BOOST_TEST(security_bits(server.keys[0], server) == 16 * 16 - std::log2(3), tt::tolerance(1e-9));
}

BOOST_FIXTURE_TEST_CASE(short_knocks_are_weak, lab) {
    psk(0).length = 4;
    BOOST_TEST(security_bits(server.keys[0], server) < method::least_security_bits);
}

BOOST_AUTO_TEST_CASE(sixty_bits_are_enough) { BOOST_TEST(method::least_security_bits == 60.0); }
