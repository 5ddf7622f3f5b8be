#include "notify/notifier.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::notify;
using namespace std::chrono_literals;
using granting::severity;
using granting::tell;

namespace {

instant at(nanoseconds since) { return instant{since}; }

config::event_settings settings(std::uint32_t limit = 10) {
    config::event_settings s;
    s.command = {"/bin/tell", "me"};
    s.limit = limit;
    return s;
}

granting::history_entry entry(granting::history_entry::kind kind, const std::string& why) {
    return {unix_time{1'800'000'000s}, kind, "alice", *address::parse("192.0.2.1"), "ssh, web", why};
}

const auto grant = *notice_of(entry(granting::history_entry::kind::granted, "30s, 60s"));
const auto refusal = *notice_of(entry(granting::history_entry::kind::refused, "a replay"));

start started(std::uint64_t run, const notice& n, int left_out = 0) {
    auto facts = n.facts;
    facts.push_back("CHRONOKNOCK_LEFT_OUT=" + std::to_string(left_out));
    return {run, {"/bin/tell", "me"}, std::move(facts)};
}

const outcome well{outcome::kind::exited};

} // namespace

BOOST_AUTO_TEST_SUITE(notifier_machine)

BOOST_AUTO_TEST_CASE(what_a_program_is_told) {
    BOOST_TEST((grant.facts == environment{"CHRONOKNOCK_EVENT=grant", "CHRONOKNOCK_KEY=alice",
                                           "CHRONOKNOCK_ADDRESS=192.0.2.1", "CHRONOKNOCK_SERVICE=ssh,web",
                                           "CHRONOKNOCK_UNTIL=1800000060", "CHRONOKNOCK_REASON="}));
    BOOST_TEST((refusal.facts == environment{"CHRONOKNOCK_EVENT=refusal", "CHRONOKNOCK_KEY=alice",
                                             "CHRONOKNOCK_ADDRESS=192.0.2.1", "CHRONOKNOCK_SERVICE=ssh,web",
                                             "CHRONOKNOCK_UNTIL=", "CHRONOKNOCK_REASON=a replay"}));
    BOOST_TEST(time_lost("no\nserver").facts.back() == "CHRONOKNOCK_REASON=no\\x0aserver");
    BOOST_TEST(time_returned().facts.front() == "CHRONOKNOCK_EVENT=time-returned");
    BOOST_TEST(!notice_of(entry(granting::history_entry::kind::expired, "")));
    auto of_many = entry(granting::history_entry::kind::refused, "3 more");
    of_many.who.reset();
    BOOST_TEST(notice_of(of_many)->facts[2] == "CHRONOKNOCK_ADDRESS=");
}

BOOST_AUTO_TEST_CASE(one_run_for_each_event) {
    notifier n(settings());
    BOOST_TEST((n.happened(grant, at(0s)) == actions{started(1, grant)}));
    BOOST_TEST((n.happened(refusal, at(0s)) == actions{started(2, refusal)}));
    BOOST_TEST(n.ended(1, well, at(1s)).empty());
    BOOST_TEST(n.ended(2, well, at(1s)).empty());
    BOOST_TEST(n.ended(2, well, at(1s)).empty()); // no such run any more
    BOOST_TEST(n.due(at(1h)).empty());
}

BOOST_AUTO_TEST_CASE(nothing_without_a_command_or_for_what_is_not_asked) {
    notifier none{config::event_settings()};
    BOOST_TEST(none.happened(grant, at(0s)).empty());
    auto s = settings();
    s.on = {config::event_kind::grant};
    notifier n(s);
    BOOST_TEST(n.happened(refusal, at(0s)).empty());
    BOOST_TEST(n.happened(grant, at(0s)).size() == 1u);
    n.set(settings());
    BOOST_TEST(n.happened(refusal, at(0s)).size() == 1u);
}

BOOST_AUTO_TEST_CASE(each_kind_has_its_own_allowance_and_what_is_over_it_is_told) {
    notifier n(settings(2));
    std::uint64_t run = 0;
    for (int i = 0; i < 2; ++i) {
        BOOST_TEST((n.happened(refusal, at(0s)) == actions{started(++run, refusal)}));
        n.ended(run, well, at(0s));
    }
    for (int i = 0; i < 5; ++i) BOOST_TEST(n.happened(refusal, at(10s)).empty());
    BOOST_TEST((n.happened(grant, at(11s)) == actions{started(++run, grant)}));
    n.ended(run, well, at(11s));
    BOOST_TEST(n.due(at(69s)).empty());
    BOOST_TEST((n.due(at(70s)) ==
                actions{tell{severity::warning, "[events] command not run for 5 refusals: more than limit "
                                                "allows, or all at once"}}));
    BOOST_TEST(n.due(at(200s)).empty());
    BOOST_TEST((n.happened(refusal, at(201s)) == actions{started(++run, refusal, 5)}));
    n.ended(run, well, at(201s));
    BOOST_TEST((n.happened(refusal, at(202s)) == actions{started(++run, refusal, 0)}));
}

BOOST_AUTO_TEST_CASE(a_few_at_once_and_a_bounded_number_waits) {
    notifier n(settings(600));
    constexpr auto most = notifier::most_at_once, waiting = notifier::most_waiting;
    for (std::size_t i = 0; i < most; ++i) BOOST_TEST(n.happened(refusal, at(0s)).size() == 1u);
    for (std::size_t i = 0; i < waiting + 7; ++i) BOOST_TEST(n.happened(refusal, at(0s)).empty());
    BOOST_TEST(n.happened(grant, at(0s)).empty());
    // A grant is told before refusals that came earlier.
    BOOST_TEST((n.ended(1, well, at(1s)) == actions{started(most + 1, grant)}));
    BOOST_TEST((n.ended(2, well, at(1s)) == actions{started(most + 2, refusal, 7)}));
    std::size_t more = 0;
    for (std::uint64_t run = 3; run < 100; ++run) more += n.ended(run, well, at(2s)).size();
    BOOST_TEST(more == waiting - 1);
}

BOOST_AUTO_TEST_CASE(who_takes_too_long_is_killed_once) {
    notifier n(settings());
    n.happened(grant, at(0s));
    BOOST_TEST(n.due(at(9s)).empty());
    BOOST_TEST((n.due(at(10s)) == actions{kill{1}}));
    BOOST_TEST(n.due(at(11s)).empty());
    BOOST_TEST((n.ended(1, {outcome::kind::signalled, 9}, at(11s)) ==
                actions{tell{severity::warning,
                             "[events] command /bin/tell: killed, since it took longer than 10s"}}));
}

BOOST_AUTO_TEST_CASE(failures_are_a_line_a_minute) {
    notifier n(settings(600));
    n.happened(grant, at(0s));
    BOOST_TEST((n.ended(1, {outcome::kind::not_run, 0, "No such file"}, at(0s)) ==
                actions{tell{severity::warning, "[events] command /bin/tell: cannot be run: No such file"}}));
    for (std::uint64_t run = 2; run < 10; ++run) {
        n.happened(grant, at(1s));
        BOOST_TEST(n.ended(run, {outcome::kind::exited, 3, "oh\x1b no"}, at(1s)).empty());
    }
    BOOST_TEST(n.due(at(59s)).empty());
    BOOST_TEST((n.due(at(60s)) == actions{tell{severity::warning, "[events] command failed 8 more times"}}));
    BOOST_TEST(n.due(at(119s)).empty());
    n.happened(grant, at(120s));
    BOOST_TEST((n.ended(10, {outcome::kind::exited, 3, "oh\x1b no"}, at(120s)) ==
                actions{tell{severity::warning, "[events] command /bin/tell: exit status 3: oh\\x1b no"}}));
    n.happened(grant, at(200s));
    BOOST_TEST((n.ended(11, {outcome::kind::signalled, 11}, at(200s)) ==
                actions{tell{severity::warning, "[events] command /bin/tell: ended by signal 11"}}));
}

BOOST_AUTO_TEST_CASE(time_is_lost_once_and_comes_back_once) {
    notifier n(settings());
    BOOST_TEST(n.heed_time(false, "waiting", at(0s)).empty()); // a start
    BOOST_TEST(n.heed_time(true, "", at(5s)).empty());
    BOOST_TEST((n.heed_time(false, "gone", at(6s)) == actions{started(1, time_lost("gone"))}));
    BOOST_TEST(n.heed_time(false, "gone", at(7s)).empty());
    BOOST_TEST((n.heed_time(true, "", at(8s)) == actions{started(2, time_returned())}));
    BOOST_TEST(n.heed_time(true, "", at(9s)).empty());
}

BOOST_AUTO_TEST_CASE(a_start_without_time_is_told_after_a_minute) {
    notifier n(settings());
    BOOST_TEST(n.heed_time(false, "waiting", at(0s)).empty());
    BOOST_TEST(n.heed_time(false, "waiting", at(59s)).empty());
    BOOST_TEST((n.heed_time(false, "waiting", at(60s)) == actions{started(1, time_lost("waiting"))}));
    BOOST_TEST((n.heed_time(true, "", at(61s)) == actions{started(2, time_returned())}));
}

BOOST_AUTO_TEST_SUITE_END()
