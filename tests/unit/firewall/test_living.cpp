// Which of the flows that the guard lets pass live.
#include "firewall/living.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::firewall;

namespace {

flow to(std::uint16_t port, transport protocol = transport::tcp) {
    return {protocol, *address::parse("192.0.2.1"), 40000, port};
}

} // namespace

BOOST_AUTO_TEST_CASE(a_tcp_flow_lives_if_it_is_somebodys) {
    const std::vector admitted{to(22), to(80), to(443), to(53, transport::udp)};
    const std::vector open{to(22), to(25)};
    std::vector<flow> asked;
    const auto live = living_flows(admitted, open, [&](const flow& f) {
        asked.push_back(f);
        return f == to(443);
    });
    BOOST_TEST((live == std::vector{to(22), to(443), to(53, transport::udp)}));
    BOOST_TEST((asked == std::vector{to(80), to(443)})); // of those that no socket has
}
