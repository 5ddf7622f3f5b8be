#include "io/firewall/expiring.hpp"

#include "io/system/clock.hpp"

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>
#include <utility>

using namespace chronoknock;
using namespace std::chrono_literals;
using firewall::change;

namespace {

/// A backend that keeps what is open until it is closed.
struct simple_backend final : io::firewall_backend {
    explicit simple_backend(boost::asio::io_context& c) : context(c) {}

    void prepare(firewall::rules, answer done) override { done({}); }
    result<void> prepare_now(const firewall::rules&) override { return {}; }
    void list(listing done) override { done(std::vector<io::live_grant>()); }
    void on_unclosed(closed_one told) override { unclosed = std::move(told); }
    bool holds(const prefix&, const std::string& service) const override { return held.contains(service); }
    void withdraw(answer done) override {
        ++withdrawals;
        if (failures > 0) return --failures, done(error{"no"});
        open.clear();
        done({});
    }
    void apply(std::vector<change> changes, answer done) override {
        if (waits) return waiting.push_back({std::move(changes), std::move(done)});
        boost::asio::post(context, [this, changes = std::move(changes), done = std::move(done)] {
            if (failures > 0) return --failures, done(error{"no"});
            for (const auto& c : changes)
                if (c.open_for)
                    open[c.service] = io::boot_now();
                else
                    open.erase(c.service);
            done({});
        });
    }

    boost::asio::io_context& context;
    std::map<std::string, instant> open;
    std::set<std::string> held;
    int failures = 0;
    int withdrawals = 0;
    closed_one unclosed;
    bool waits = false; ///< for the test to answer
    std::vector<std::pair<std::vector<change>, answer>> waiting;
};

struct world {
    boost::asio::io_context context;
    simple_backend* simple = new simple_backend(context);
    io::expiring backend{context, std::unique_ptr<io::firewall_backend>(simple)};
    const address who = *address::parse("192.0.2.1");

    template <class Condition>
    bool run_until(Condition reached) {
        const auto end = io::boot_now() + 10s;
        while (!reached() && io::boot_now() < end) {
            context.restart();
            context.run_one_for(10ms);
        }
        return reached();
    }
    result<void> apply(const std::string& service, std::optional<nanoseconds> open_for) {
        std::optional<result<void>> answer;
        backend.apply({{who, service, open_for}}, [&](const result<void>& r) { answer = r; });
        BOOST_TEST_REQUIRE(run_until([&] { return answer.has_value(); }));
        return *answer;
    }
    bool is_open(const std::string& service) const { return simple->open.contains(service); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(grants_that_the_backend_does_not_end, world)

BOOST_AUTO_TEST_CASE(each_is_closed_when_its_time_is_over_and_not_before) {
    BOOST_TEST(apply("long", 1h).has_value());
    const auto before = io::boot_now();
    BOOST_TEST(apply("short", 200ms).has_value());
    BOOST_TEST(run_until([&] { return !is_open("short"); }));
    BOOST_TEST((io::boot_now() - before >= 200ms));
    BOOST_TEST(is_open("long"));
}

BOOST_AUTO_TEST_CASE(a_renewed_one_lasts_and_a_closed_one_has_no_deadline) {
    BOOST_TEST(apply("ssh", 100ms).has_value());
    BOOST_TEST(apply("ssh", 1h).has_value());
    BOOST_TEST(apply("web", 50ms).has_value());
    BOOST_TEST(apply("mail", 1h).has_value());
    BOOST_TEST(apply("mail", {}).has_value());
    BOOST_TEST(run_until([&] { return !is_open("web"); }));
    const auto end = io::boot_now() + 200ms;
    run_until([&] { return io::boot_now() > end; });
    BOOST_TEST(is_open("ssh"));
    BOOST_TEST(!is_open("mail"));
}

BOOST_AUTO_TEST_CASE(one_that_cannot_be_closed_is_tried_again) {
    BOOST_TEST(apply("ssh", 500ms).has_value());
    simple->failures = 1;
    BOOST_TEST(run_until([&] { return simple->failures == 0; }));
    BOOST_TEST(is_open("ssh"));
    BOOST_TEST(run_until([&] { return !is_open("ssh"); }));
}

BOOST_AUTO_TEST_CASE(one_that_was_said_to_have_failed_is_closed_all_the_same) {
    simple->open["ssh"] = io::boot_now();
    simple->failures = 1;
    BOOST_TEST(!apply("ssh", 50ms).has_value());
    BOOST_TEST(run_until([&] { return !is_open("ssh"); }));
}

BOOST_AUTO_TEST_CASE(a_renewal_that_failed_changes_nothing_for_the_grant_there_was) {
    BOOST_TEST(apply("short", 300ms).has_value());
    BOOST_TEST(apply("long", 1h).has_value());
    simple->failures = 2;
    BOOST_TEST(!apply("short", 1h).has_value());
    BOOST_TEST(!apply("long", 50ms).has_value());
    BOOST_TEST(run_until([&] { return !is_open("short"); }));
    BOOST_TEST(is_open("long"));
}

BOOST_AUTO_TEST_CASE(a_service_that_the_rules_do_not_have_any_more_has_no_deadlines) {
    BOOST_TEST(apply("ssh", 1s).has_value());
    BOOST_TEST(apply("web", 1s).has_value());
    firewall::rules r;
    r.services.resize(1);
    r.services[0].name = "ssh";
    BOOST_TEST(backend.prepare_now(r).has_value());
    BOOST_TEST(run_until([&] { return !is_open("ssh"); }));
    BOOST_TEST(is_open("web")); // nobody asked the backend to close what it does not know
}

BOOST_AUTO_TEST_CASE(what_an_earlier_process_left_is_closed_when_it_should_have_been_or_will_be) {
    for (const auto* service : {"over", "soon", "later"}) simple->open[service] = io::boot_now();
    backend.recall({{who, "over", -1h, "alice"}, {who, "soon", 1s, "alice"}, {who, "later", 1h, "alice"}});
    BOOST_TEST(is_open("over")); // in a turn of its own
    BOOST_TEST(run_until([&] { return !is_open("over"); }));
    BOOST_TEST(is_open("soon"));
    BOOST_TEST(run_until([&] { return !is_open("soon"); }));
    BOOST_TEST(is_open("later"));
}

BOOST_AUTO_TEST_CASE(of_several_keys_for_one_grant_the_longest_counts) {
    for (const auto* service : {"ssh", "web"}) simple->open[service] = io::boot_now();
    backend.recall({{who, "ssh", 1h, "alice"}, {who, "ssh", -1s, "bob"}, {who, "web", -1s, "bob"}});
    BOOST_TEST(run_until([&] { return !is_open("web"); }));
    BOOST_TEST(is_open("ssh"));
}

BOOST_AUTO_TEST_CASE(one_that_is_opened_while_it_is_closed_has_an_end_though_it_was_said_to_have_failed) {
    BOOST_TEST(apply("ssh", 100ms).has_value());
    simple->waits = true;
    BOOST_TEST(run_until([&] { return simple->waiting.size() == 1u; })); // it is being closed
    int failed = 0;
    backend.apply({{who, "ssh", {}}}, [&](const result<void>&) {}); // by its owner as well
    backend.apply({{who, "ssh", 300ms}}, [&](const result<void>& r) { failed += !r; });
    simple->waits = false;
    auto waiting = std::exchange(simple->waiting, {});
    BOOST_TEST_REQUIRE(waiting.size() == 3u);
    waiting[0].second({});
    waiting[1].second({});
    waiting[2].second(error{"it hung after it had opened"});
    BOOST_TEST(failed == 1);
    BOOST_TEST(run_until([&] { return !is_open("ssh"); }));
}

BOOST_AUTO_TEST_CASE(a_closing_that_fails_leaves_the_end_of_what_was_opened_meanwhile) {
    BOOST_TEST(apply("ssh", 100ms).has_value());
    simple->waits = true;
    BOOST_TEST(run_until([&] { return simple->waiting.size() == 1u; }));
    backend.apply({{who, "ssh", 1h}}, [](const result<void>&) {});
    simple->waits = false;
    auto waiting = std::exchange(simple->waiting, {});
    BOOST_TEST_REQUIRE(waiting.size() == 2u);
    waiting[1].second({});
    waiting[0].second(error{"no"});
    const auto end = io::boot_now() + 1500ms; // a failed closing is tried again after a second
    run_until([&] { return io::boot_now() > end; });
    BOOST_TEST(is_open("ssh"));
}

BOOST_AUTO_TEST_CASE(what_the_backend_could_not_close_unasked_is_closed_again) {
    simple->open["gone"] = io::boot_now();
    simple->unclosed(who, "gone");
    BOOST_TEST(run_until([&] { return !is_open("gone"); }));
}

BOOST_AUTO_TEST_CASE(a_service_that_is_gone_keeps_its_deadlines_while_its_door_is_open) {
    BOOST_TEST(apply("web", 1s).has_value());
    simple->held = {"web"};
    BOOST_TEST(backend.prepare_now({}).has_value());
    BOOST_TEST(run_until([&] { return !is_open("web"); }));
}

BOOST_AUTO_TEST_CASE(a_withdrawal_that_fails_is_tried_again_and_nothing_is_opened_any_more) {
    BOOST_TEST(apply("ssh", 1h).has_value());
    simple->failures = 2;
    std::optional<result<void>> withdrawn;
    backend.withdraw([&](const result<void>& r) { withdrawn = r; });
    BOOST_TEST(!withdrawn.has_value());
    BOOST_TEST(is_open("ssh"));
    const auto opened = apply("web", 1h);
    BOOST_TEST_REQUIRE(!opened.has_value());
    BOOST_TEST(opened.error().text == "firewall: the server is stopping");
    BOOST_TEST(run_until([&] { return withdrawn.has_value(); }));
    BOOST_TEST(withdrawn->has_value());
    BOOST_TEST(simple->withdrawals == 3);
    BOOST_TEST(simple->open.empty());
}

BOOST_AUTO_TEST_SUITE_END()
