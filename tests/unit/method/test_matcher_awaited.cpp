// An address is looked at again only when a port comes that something waits for. It must make no difference
// to what is found.
#include "fixture.hpp"

#include <algorithm>
#include <random>
#include <set>

using namespace chronoknock;
using namespace chronoknock::time_sequence;

namespace {

/// What set mode says, word for word (chronoknock-protocol(7), MATCHING): the ports of the sequence are among
/// the last `memory` SYNs.
class plain_rule {
public:
    plain_rule(std::vector<std::uint16_t> sequence, std::size_t memory)
        : sequence_(sequence.begin(), sequence.end()), memory_(memory) {}

    bool completed_by(std::uint16_t port) {
        syns_.push_back(port);
        const auto counted = std::min(memory_, syns_.size());
        std::set<std::uint16_t> missing = sequence_;
        for (auto i = syns_.size() - counted; i < syns_.size(); ++i) missing.erase(syns_[i]);
        if (!missing.empty() || !sequence_.contains(port)) return false;
        std::erase_if(syns_, [&](std::uint16_t p) { return sequence_.contains(p); });
        return true;
    }

private:
    std::set<std::uint16_t> sequence_;
    std::size_t memory_;
    std::vector<std::uint16_t> syns_;
};

struct noisy : lab {
    std::mt19937 random{5};

    /// Few ports, so that noise hits selectors and ports of sequences all the time.
    void narrow() {
        for (std::uint8_t n = 2; n < 8; ++n) server.keys.push_back(key("other" + std::to_string(n), n));
        for (std::size_t k = 0; k < server.keys.size(); ++k) psk(k).ports = *port_set::parse("2000-2399");
        server.knock.memory = 28;
    }
    std::uint16_t any_port() { return static_cast<std::uint16_t>(2000 + random() % 400); }
    std::vector<std::uint16_t> noise(std::size_t count) {
        std::vector<std::uint16_t> ports(count);
        for (auto& p : ports) p = static_cast<std::uint16_t>(1024 + random() % 64512);
        return ports;
    }
    /// A knock with noise between its ports, some of which came long before.
    std::vector<std::uint16_t> noisy_knock(const std::vector<std::uint16_t>& sequence) {
        std::vector<std::uint16_t> ports;
        for (const auto port : sequence) {
            for (auto noise = random() % 3; noise != 0; --noise) ports.push_back(any_port());
            ports.push_back(port);
        }
        std::ranges::shuffle(ports, random);
        return ports;
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(what_is_completed_is_what_the_plain_rule_says, noisy) {
    narrow();
    auto m = make();
    double now = 1; // and slowly on: no ration is used up
    std::size_t completed = 0;
    for (std::uint32_t n = 0; n < 200; ++n) {
        const auto wanted = sequence(0, ip(n), epoch);
        plain_rule rule(wanted, server.knock.memory);
        std::vector<std::uint16_t> ports;
        for (int round = 0; round < 4; ++round) {
            const auto more = noisy_knock(wanted);
            ports.insert(ports.end(), more.begin(), more.end());
        }
        for (const auto port : ports) {
            const auto found = knock(m, ip(n), std::vector{port}, at(now += 0.0005));
            const bool complete =
                std::ranges::any_of(found, [](const match& f) { return f.id.key == 0 && f.t0 == epoch; });
            const bool expected = rule.completed_by(port);
            BOOST_REQUIRE(complete == expected);
            completed += expected;
        }
    }
    BOOST_TEST(completed > 200u);
    BOOST_TEST(completed < 700u); // some rounds were longer than what counts
}

BOOST_FIXTURE_TEST_CASE(strict_sequences_are_found_whatever_came_before, noisy) {
    narrow();
    strict();
    auto m = make();
    double now = 1;
    for (std::uint32_t n = 0; n < 200; ++n) {
        const auto wanted = sequence(0, ip(n), epoch);
        for (auto noise = random() % 60; noise != 0; --noise)
            knock(m, ip(n), std::vector{any_port()}, at(now += 0.0005));
        std::size_t found = 0;
        for (const auto port : wanted) found += knock(m, ip(n), std::vector{port}, at(now += 0.0005)).size();
        BOOST_REQUIRE(found == 1u);
    }
}

BOOST_FIXTURE_TEST_CASE(who_sends_on_and_on_is_looked_at_seldom, noisy) {
    for (std::uint8_t n = 2; n < 202; ++n) server.keys.push_back(key("other" + std::to_string(n), n));
    auto m = make();
    double now = 1;
    std::size_t syns = 0;
    for (int round = 0; round < 400; ++round)
        for (std::uint32_t n = 0; n < 16; ++n, ++syns)
            knock(m, ip(n), std::vector{static_cast<std::uint16_t>(1024 + random() % 64512)},
                  at(now += 0.0005));
    BOOST_TEST(m.count().tracked == syns);
    BOOST_TEST(m.count().looks > 0u);
    BOOST_TEST(m.count().looks < syns / 10);
}

BOOST_FIXTURE_TEST_CASE(what_had_too_few_ports_to_be_derived_is_derived_later, noisy) {
    auto m = make();
    const auto wanted = sequence(0, ip(1), epoch);
    std::vector<std::uint16_t> repeated(20, wanted[0]);
    repeated.push_back(wanted[1]);
    knock(m, ip(1), repeated, at(1));
    std::size_t found = 0;
    for (const auto port : std::span(wanted).subspan(2))
        found += knock(m, ip(1), std::vector{port}, at(1)).size();
    BOOST_TEST(found == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_port_that_came_when_there_were_too_few_syns_counts_with_the_next, noisy) {
    server.knock.timeout = seconds(2);
    auto m = make();
    const auto wanted = sequence(0, ip(1), epoch);
    knock(m, ip(1), noise(30), at(0));
    knock(m, ip(1), std::span(wanted).first(9), at(1)); // it is derived now, and waits for the tenth
    BOOST_TEST(m.count().derivations == 1u);
    std::size_t found = 0; // the noise counts no more
    for (const auto port : std::span(wanted).subspan(9))
        found += knock(m, ip(1), std::vector{port}, at(2.5)).size();
    BOOST_TEST(found == 1u);
}

BOOST_FIXTURE_TEST_CASE(who_was_served_later_is_looked_at_again, noisy) {
    narrow();
    server.knock.memory = 256;
    server.knock.tracked = 4096;
    auto m = make();
    const auto wanted = sequence(0, ip(1), epoch);
    std::vector<std::uint16_t> many;
    for (int i = 0; i < 60; ++i) many.push_back(any_port());
    knock(m, ip(1), many, at(1));
    for (std::uint32_t n = 2; n < 4000 && !m.waiting(); ++n) {
        std::vector<std::uint16_t> more;
        for (int i = 0; i < 60; ++i) more.push_back(any_port());
        knock(m, ip(n), more, at(1));
    }
    BOOST_REQUIRE(m.waiting());
    const auto postponed = m.count().postponed;
    knock(m, ip(1), std::span(wanted).first(12), at(1));
    BOOST_REQUIRE(m.count().postponed > postponed);
    double now = 1;
    while (m.waiting()) knock(m, ip(1), {}, at(now += 0.001));
    std::size_t found = 0;
    for (const auto port : std::span(wanted).subspan(12))
        for (const auto& f : knock(m, ip(1), std::vector{port}, at(now += 0.001)))
            found += f.id.key == 0 && f.t0 == epoch;
    BOOST_TEST(found == 1u);
}

BOOST_AUTO_TEST_CASE(an_address_awaits_all_until_told_otherwise_and_again_when_it_is_another) {
    using method::tracker;
    tracker t({1, 16, 8, seconds(10)}, {1, 2, 3, 4});
    const auto observe = [&](std::uint32_t who, std::uint16_t port) {
        packet::event e;
        e.source = lab::ip(who);
        e.port = port;
        return t.observe(e, lab::at(1));
    };
    tracker::port_filter some{};
    some.add(7);
    for (std::uint16_t port = 1; port <= 3; ++port) observe(1, port);
    t.await(0, some);
    BOOST_TEST(t.awaits(0, 8)); // of so few it is not kept
    observe(1, 4);
    BOOST_TEST(t.awaits(0, 8));
    t.await(0, some);
    BOOST_TEST(!t.awaits(0, 8));
    BOOST_TEST(t.awaits(0, 7));
    observe(1, 5);
    BOOST_TEST(!t.awaits(0, 8));
    for (std::uint16_t port = 1; port <= 5; ++port) observe(2, port);
    BOOST_TEST(t.awaits(0, 8));
}
