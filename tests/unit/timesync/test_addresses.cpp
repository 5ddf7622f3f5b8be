#include "exchange.hpp"
#include "timesync/addresses.hpp"

#include <boost/test/unit_test.hpp>

using namespace exchanges;
using namespace chronoknock::timesync;

namespace {

std::vector<endpoint> machines(std::initializer_list<std::size_t> numbers) {
    std::vector<endpoint> all;
    for (const auto n : numbers) all.push_back(machine_at(n));
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(time_addresses)

BOOST_AUTO_TEST_CASE(what_nobody_else_asks_comes_first) {
    auto found = machines({1, 2, 3, 4});
    unused_first(found, machines({1, 3, 9}));
    BOOST_TEST((found == machines({2, 4, 1, 3})));
}

BOOST_AUTO_TEST_CASE(a_member_of_a_pool_takes_the_first_free_one_that_nobody_gave_up) {
    given_up left;
    const auto found = machines({1, 2, 3, 4});
    BOOST_TEST((pick(found, {}, left) == machine_at(1)));
    BOOST_TEST((pick(found, machines({1, 2}), left) == machine_at(3)));
    BOOST_TEST(!pick(found, machines({4, 3, 2, 1}), left).has_value());
    left.add(machine_at(4));
    left.add(machine_at(3));
    BOOST_TEST((pick(found, machines({1}), left) == machine_at(2)));
    // Then what was given up longest ago; giving up again counts anew.
    BOOST_TEST((pick(found, machines({1, 2}), left) == machine_at(4)));
    left.add(machine_at(4));
    BOOST_TEST((pick(found, machines({1, 2}), left) == machine_at(3)));
}

BOOST_AUTO_TEST_CASE(another_port_is_no_other_machine) {
    auto used = machines({1});
    ++used[0].port;
    auto found = machines({1, 2});
    BOOST_TEST((pick(found, used, {}) == machine_at(2)));
    BOOST_TEST(!pick(machines({1}), used, {}).has_value());
    unused_first(found, used);
    BOOST_TEST((found == machines({2, 1})));
}

BOOST_AUTO_TEST_CASE(the_memory_is_bounded) {
    given_up left;
    for (std::size_t i = 0; i < given_up::size + 1; ++i) left.add(machine_at(i));
    BOOST_TEST(!left.rank(machine_at(0)).has_value());
    BOOST_TEST((left.rank(machine_at(1)) == 0u));
    BOOST_TEST((left.rank(machine_at(given_up::size)) == given_up::size - 1));
}

BOOST_AUTO_TEST_SUITE_END()
