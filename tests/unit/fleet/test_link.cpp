// Which endpoint is asked, and what is said of the cluster.
#include "fleet/lease_book.hpp"
#include "fleet/link.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::fleet;
using namespace std::chrono_literals;
using state = link::state;

namespace {

instant at(nanoseconds d) { return instant{d}; }

} // namespace

BOOST_AUTO_TEST_SUITE(links)

BOOST_AUTO_TEST_CASE(each_change_of_state_is_told_once) {
    fleet::link l({"a", "b", "c"}, at(0s));
    BOOST_TEST((l.now() == state::starting));
    l.answered(0, at(1s));
    BOOST_TEST((l.now() == state::connected));
    BOOST_TEST(l.take_change());
    l.answered(0, at(2s));
    BOOST_TEST(!l.take_change());
    l.failed(0, "refused", at(3s));
    BOOST_TEST((l.now() == state::degraded));
    BOOST_TEST(l.take_change());
    BOOST_TEST(l.current() == 1u);
    l.answered(1, at(3100ms));
    BOOST_TEST(!l.take_change());
    BOOST_TEST(l.answering() == 2u);
    BOOST_TEST(l.problem() == "a: refused");
    l.answered(0, at(4s));
    BOOST_TEST((l.now() == state::connected));
    BOOST_TEST(l.take_change());
}

BOOST_AUTO_TEST_CASE(an_election_is_no_loss) {
    fleet::link l({"a", "b"}, at(0s));
    l.answered(0, at(1s));
    for (int i = 0; i < 10; ++i) l.failed(l.current(), "no leader", at(1s + i * 200ms));
    BOOST_TEST((l.now() == state::degraded));
    BOOST_TEST(!l.is_lost());
    l.failed(l.current(), "no leader", at(4s));
    BOOST_TEST(l.is_lost());
    l.answered(1, at(5s));
    BOOST_TEST((l.now() == state::degraded));
    BOOST_TEST(l.current() == 1u);
}

BOOST_AUTO_TEST_CASE(a_cluster_without_room_is_full_until_it_has_written) {
    fleet::link l({"a", "b"}, at(0s));
    l.answered(0, at(1s));
    BOOST_TEST(l.takes_writes());
    l.refused_write(0, "space exceeded", at(2s));
    BOOST_TEST((l.now() == state::full));
    BOOST_TEST(!l.takes_writes());
    BOOST_TEST(!l.is_lost());
    BOOST_TEST(l.problem() == "space exceeded");
    BOOST_TEST(l.take_change());
    for (int i = 0; i < 20; ++i) { // it is read from, and asked to write, all the time
        l.answered(0, at(3s + i * 500ms));
        l.refused_write(0, "space exceeded", at(3s + i * 500ms));
        BOOST_TEST(!l.take_change());
    }
    BOOST_TEST(l.current() == 0u);
    l.failed(0, "refused", at(13s));
    l.failed(1, "refused", at(20s));
    BOOST_TEST(l.is_lost());
    l.answered(0, at(21s));
    BOOST_TEST((l.now() == state::full));
    l.answered(1, at(22s));
    l.wrote(at(22100ms));
    BOOST_TEST((l.now() == state::connected));
    BOOST_TEST(l.problem().empty());
    BOOST_TEST(l.take_change());
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_is_probed) {
    fleet::link l({"a", "b"}, at(0s));
    l.failed(0, "refused", at(1s));
    l.answered(1, at(1s));
    BOOST_TEST(!l.to_probe(at(5s)));
    BOOST_TEST((l.to_probe(at(6s)) == 0u));
    BOOST_TEST(!l.to_probe(at(7s)));
    l.answered(0, at(7s));
    BOOST_TEST((l.now() == state::connected));
    BOOST_TEST(l.current() == 1u); // there is no need to go back
}

BOOST_AUTO_TEST_CASE(who_is_not_used_is_probed_as_well) {
    fleet::link l({"a", "b", "c"}, at(0s));
    for (std::size_t i = 0; i < 3; ++i) l.answered(i, at(1s));
    BOOST_TEST(!l.to_probe(at(5s)));
    BOOST_TEST((l.to_probe(at(6s)) == 1u));
    BOOST_TEST((l.to_probe(at(6s)) == 2u));
    BOOST_TEST(!l.to_probe(at(6s))); // not the one that is asked all the time
    l.answered(0, at(6s));
    l.failed(2, "refused", at(7s));
    BOOST_TEST((l.now() == state::degraded));
    BOOST_TEST(l.take_change());
    BOOST_TEST(l.current() == 0u);
}

BOOST_AUTO_TEST_CASE(the_next_to_be_asked_is_one_that_answers) {
    fleet::link l({"a", "b", "c"}, at(0s));
    l.answered(0, at(1s));
    l.failed(1, "refused", at(2s));
    l.failed(0, "refused", at(3s));
    BOOST_TEST(l.current() == 2u);
    l.failed(2, "refused", at(3s)); // none is left: each in turn
    BOOST_TEST(l.current() == 0u);
    l.failed(0, "refused", at(4s));
    BOOST_TEST(l.current() == 1u);
}

BOOST_AUTO_TEST_CASE(a_lease_serves_many_and_outlives_them) {
    lease_book b;
    BOOST_TEST(!b.find(30s, at(0s)));
    b.add(7, lease_book::length_for(30s), at(0s));
    BOOST_TEST((b.find(30s, at(0s)) == 7));
    BOOST_TEST((b.find(30s, at(80s)) == 7));
    BOOST_TEST(!b.find(30s, at(90s)));
    BOOST_TEST(!b.find(600s, at(0s)));
    b.add(8, lease_book::length_for(24h), at(0s));
    BOOST_TEST((b.find(30s, at(0s)) == 7)); // not one that stays for days
    b.clear();
    BOOST_TEST(!b.find(30s, at(0s)));
}

BOOST_AUTO_TEST_SUITE_END()
