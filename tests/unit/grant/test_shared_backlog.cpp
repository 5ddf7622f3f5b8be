// What waits for the time to be known, of what other hosts of the fleet have done.
#include "grant/shared_backlog.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {

const auto here = *address::parse("192.0.2.1");
const unix_time noon{seconds(1'800'000'000)};

shared_grant grant(std::int64_t place, const std::string& service = "web") {
    return {"a", "alice", here, service, place, "x", noon, noon + 30s, "beta"};
}
burnt token(std::int64_t place) { return {"a", place, "x", here, noon}; }

using grants = std::vector<shared_grant>;

} // namespace

BOOST_AUTO_TEST_SUITE(shared_backlogs)

BOOST_AUTO_TEST_CASE(what_closes_goes_before_what_opens) {
    shared_backlog b;
    BOOST_TEST(b.empty());
    b.add({.opened = {grant(1), grant(1, "ssh")}, .tokens = {token(1)}});
    BOOST_TEST(!b.has_closes());
    b.add({.closed = {grant(1)}});
    BOOST_TEST(b.has_closes());
    auto c = b.take_closes();
    BOOST_TEST((c.closed == grants{grant(1)}));
    BOOST_TEST(c.opened.empty());
    BOOST_TEST(!c.whole);
    BOOST_TEST(!b.has_closes());
    c = b.take();
    BOOST_TEST((c.opened == grants{grant(1, "ssh")})); // the other one is closed since
    BOOST_TEST(c.closed.empty());
    BOOST_TEST((c.tokens == std::vector{token(1)}));
    BOOST_TEST(b.empty());
}

BOOST_AUTO_TEST_CASE(what_opens_after_a_close_opens) {
    shared_backlog b;
    b.add({.closed = {grant(1)}});
    b.add({.opened = {grant(2)}});
    const auto c = b.take();
    BOOST_TEST((c.closed == grants{grant(1)}));
    BOOST_TEST((c.opened == grants{grant(2)}));
}

BOOST_AUTO_TEST_CASE(a_whole_listing_takes_the_place_of_what_was_known_and_closes_what_it_lacks) {
    shared_backlog b;
    b.add({.opened = {grant(1)}});
    b.add({.opened = {grant(1, "ssh")}, .whole = true});
    BOOST_TEST(b.has_closes());
    auto c = b.take_closes();
    BOOST_TEST(c.whole);
    BOOST_TEST((c.opened == grants{grant(1, "ssh")}));
    BOOST_TEST(!b.has_closes()); // once
    b.add({.opened = {grant(2)}});
    c = b.take();
    BOOST_TEST(c.whole);
    BOOST_TEST((c.opened == grants{grant(1, "ssh"), grant(2)}));
    BOOST_TEST(!b.take().whole);
}

BOOST_AUTO_TEST_CASE(where_there_is_too_much_it_is_listed_anew_and_no_close_is_lost) {
    shared_backlog b(2);
    b.add({.closed = {grant(1, "mail")}});
    b.add({.opened = {grant(1), grant(1, "ssh")}, .tokens = {token(1), token(2)}});
    BOOST_TEST(!b.take_overflow());
    b.add({.opened = {grant(2, "smtp")}});
    BOOST_TEST(b.take_overflow());
    BOOST_TEST(!b.take_overflow());
    const auto c = b.take();
    BOOST_TEST(c.opened.empty());
    BOOST_TEST((c.closed == grants{grant(1, "mail")}));
    b.add({.tokens = {token(1), token(2), token(3)}});
    BOOST_TEST(b.take_overflow());
    BOOST_TEST(b.empty());
    b.add({.opened = {grant(3)}, .tokens = {token(1), token(2), token(3)}, .whole = true});
    BOOST_TEST(!b.take_overflow()); // another listing would have no less
    BOOST_TEST(b.take().tokens.size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
