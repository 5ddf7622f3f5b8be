#include "exchange.hpp"
#include "timesync/peer.hpp"

#include <boost/test/unit_test.hpp>

using namespace exchanges;
using namespace chronoknock::timesync;

namespace {

const endpoint first{*address::parse("192.0.2.1"), 123};
const endpoint second{*address::parse("2001:db8::1"), 123};

struct one_peer {
    settings s;
    std::unique_ptr<peer> p;
    instant now{1000s};
    std::uint64_t draws = 0;
    frequency_estimate f;

    explicit one_peer(bool nts = false) { make(nts); }
    void make(bool nts) { p = std::make_unique<peer>(server_settings{"a", nts}, s); }
    peer::want poll() {
        return p->poll(now, [this] { return draws += 64; });
    }
    /// Sleeps until it wants something.
    peer::want next() {
        for (int i = 0; i < 10; ++i) {
            if (p->deadline() != instant::max()) now = std::max(now, p->deadline());
            if (const auto w = poll(); w != peer::want::nothing) return w;
        }
        return peer::want::nothing;
    }
    void locate(std::vector<endpoint> where = {first}) {
        BOOST_TEST((poll() == peer::want::locate));
        p->locate(std::move(where), now);
    }
    answer reply(ntp_header h, nanoseconds round_trip = 20ms, bool authenticated = false) {
        const exchange x{p->query().value_or(ntp_timestamp{}), now, now + round_trip, authenticated};
        auto a = p->receive(h, x, f, boot_moment);
        now += round_trip;
        return a;
    }
    void answered() {
        BOOST_REQUIRE(p->query().has_value());
        BOOST_TEST(std::holds_alternative<sample>(reply(honest(*p->query(), now))));
    }
    /// A kiss, and nothing better until the query is over.
    void kissed(const char* code) {
        reply(kissing(*p->query(), code));
        now = std::max(now, p->deadline());
        poll();
    }
    void become_steady() {
        locate();
        for (int i = 0; i < 4; ++i) {
            BOOST_TEST((next() == peer::want::send));
            answered();
        }
        BOOST_TEST((p->state() == peer_state::steady));
        p->take_news();
    }
    void lose_all(int n) {
        for (int i = 0; i < n; ++i) {
            if (next() != peer::want::locate) continue;
            p->locate({first}, now);
            BOOST_TEST((next() == peer::want::send));
        }
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(time_peer)

BOOST_FIXTURE_TEST_CASE(a_burst_then_the_interval, one_peer) {
    locate();
    for (int i = 0; i < 4; ++i) {
        const auto before = now;
        BOOST_TEST((next() == peer::want::send));
        BOOST_TEST((now - before == (i == 0 ? 0s : 2s)));
        BOOST_TEST(p->settled() == false);
        answered();
    }
    BOOST_TEST(p->settled());
    BOOST_TEST(p->reach() == 0x0f);
    const auto before = now;
    BOOST_TEST((next() == peer::want::send));
    BOOST_TEST((now - before >= 64s && now - before < 69s));
    BOOST_TEST((poll() == peer::want::nothing));
}

BOOST_FIXTURE_TEST_CASE(a_lost_query_of_the_burst_is_asked_again_after_a_second, one_peer) {
    locate();
    BOOST_TEST((next() == peer::want::send));
    const auto before = now;
    const auto lost = *p->query();
    BOOST_TEST((next() == peer::want::send));
    BOOST_TEST((now - before == 1s));
    BOOST_TEST((*p->query() != lost));
    answered();
}

BOOST_FIXTURE_TEST_CASE(transmit_timestamps_are_the_random_bits, one_peer) {
    locate();
    p->poll(now, [] { return 0xfeedfacecafebeef; });
    BOOST_TEST(p->query()->bits == 0xfeedfacecafebeef);
}

BOOST_FIXTURE_TEST_CASE(a_wrong_answer_leaves_the_query_open, one_peer) {
    locate();
    next();
    const auto query = *p->query();
    auto forged = honest(query, now);
    forged.origin.bits ^= 2;
    BOOST_TEST(std::holds_alternative<refusal>(reply(forged)));
    auto bad = honest(query, now);
    bad.leap = leap::unsynchronised;
    BOOST_TEST(std::holds_alternative<refusal>(reply(bad)));
    BOOST_TEST(p->refused() == 2u);
    BOOST_TEST(p->samples() == 0u);
    answered();
    BOOST_TEST(p->samples() == 1u);
    // And once answered it takes no second answer.
    BOOST_TEST(std::holds_alternative<refusal>(reply(honest(query, now))));
}

BOOST_FIXTURE_TEST_CASE(an_answer_to_an_earlier_query_is_none, one_peer) {
    locate();
    next();
    const auto earlier = *p->query();
    next(); // that one was lost
    const exchange x{earlier, now, now + 20ms, false};
    const auto a = p->receive(honest(earlier, now), x, f, boot_moment);
    BOOST_TEST((std::get<refusal>(a) == refusal::wrong_origin));
    BOOST_TEST(p->samples() == 0u);
    BOOST_TEST((p->query().has_value() && *p->query() != earlier));
}

BOOST_FIXTURE_TEST_CASE(the_interval_adapts, one_peer) {
    become_steady();
    BOOST_TEST((p->interval() == 64s));
    for (int i = 0; i < 8; ++i) p->adapt(true);
    BOOST_TEST((p->interval() == 128s));
    for (int i = 0; i < 7; ++i) p->adapt(true);
    p->adapt(false);
    BOOST_TEST((p->interval() == 64s));
    p->adapt(false);
    BOOST_TEST((p->interval() == 64s));
    for (int i = 0; i < 100; ++i) p->adapt(true);
    BOOST_TEST((p->interval() == 1024s));
    p->hasten(now);
    BOOST_TEST((p->interval() == 64s));
}

BOOST_AUTO_TEST_CASE(a_configured_interval_is_never_undercut) {
    one_peer o;
    o.s.interval = 2000s;
    o.make(false);
    o.become_steady();
    for (int i = 0; i < 100; ++i) o.p->adapt(i % 9 != 0);
    BOOST_TEST((o.p->interval() == 2000s));
    const auto before = o.now;
    o.next();
    BOOST_TEST((o.now - before >= 2000s));
}

BOOST_FIXTURE_TEST_CASE(silence_is_said_once_and_backs_off, one_peer) {
    become_steady();
    lose_all(8);
    BOOST_TEST((p->state() == peer_state::steady)); // the answers of the burst are still among eight
    lose_all(1);
    BOOST_TEST((p->state() == peer_state::silent));
    BOOST_TEST(p->reach() == 0);
    BOOST_TEST(p->take_news().value_or("") == "no answer");
    nanoseconds longest{0};
    for (int i = 0; i < 40; ++i) {
        const auto before = now;
        lose_all(1);
        longest = std::max(longest, now - before);
    }
    BOOST_TEST((longest >= 1024s && longest < 1100s));
    BOOST_TEST(!p->take_news().has_value());
    // It comes back: heard at once, then a burst.
    if (next() == peer::want::locate) {
        p->locate({first}, now);
        next();
    }
    answered();
    BOOST_TEST(p->take_news().value_or("") == "answers again");
    BOOST_TEST((p->state() == peer_state::burst));
    BOOST_TEST((p->interval() == 64s));
}

BOOST_FIXTURE_TEST_CASE(who_never_answered_is_still_asked_each_minute, one_peer) {
    locate();
    lose_all(6);
    BOOST_TEST((p->state() == peer_state::silent));
    BOOST_TEST(p->settled());
    for (int i = 0; i < 40; ++i) {
        const auto before = now;
        lose_all(1);
        BOOST_TEST((now - before >= 16s && now - before < 75s));
    }
}

BOOST_FIXTURE_TEST_CASE(no_network_is_tried_again_soon, one_peer) {
    for (int i = 0; i < 20; ++i) {
        const auto before = now;
        BOOST_TEST((next() == peer::want::locate));
        BOOST_TEST((now - before <= 16s));
        p->failed("no such name\n", now);
        BOOST_TEST(p->settled());
        BOOST_TEST(p->take_news().has_value() == (i == 0));
    }
    BOOST_TEST(p->problem() == "no such name\\x0a");
    next();
    p->locate({first}, now);
    BOOST_TEST((next() == peer::want::send));
    answered();
    BOOST_TEST(p->take_news().value_or("") == "answers");
    BOOST_TEST(p->problem().empty());
}

BOOST_FIXTURE_TEST_CASE(key_establishment_backs_off_far, one_peer) {
    make(true);
    nanoseconds longest{0};
    for (int i = 0; i < 20; ++i) {
        const auto before = now;
        BOOST_TEST((next() == peer::want::locate));
        longest = std::max(longest, now - before);
        p->failed("bad certificate", now);
    }
    BOOST_TEST((longest == 1024s));
}

BOOST_FIXTURE_TEST_CASE(the_next_address_is_tried, one_peer) {
    locate({first, second});
    next();
    BOOST_TEST((*p->where() == first));
    p->failed("network unreachable", now); // at once
    BOOST_TEST((poll() == peer::want::send));
    BOOST_TEST((*p->where() == second));
    next(); // a lost answer
    BOOST_TEST((*p->where() == first));
    answered();
    next(); // no more change as long as it is heard
    next();
    BOOST_TEST((*p->where() == first));
}

BOOST_FIXTURE_TEST_CASE(a_changed_address_starts_anew, one_peer) {
    become_steady();
    p->locate({second, first}, now); // the old one is still good
    BOOST_TEST((*p->where() == first));
    BOOST_TEST(p->filter().at(now, f).has_value());
    p->locate({second}, now);
    BOOST_TEST((*p->where() == second));
    BOOST_TEST(!p->filter().at(now, f).has_value());
    BOOST_TEST((p->state() == peer_state::burst));
}

BOOST_FIXTURE_TEST_CASE(rate_is_obeyed_for_good, one_peer) {
    locate();
    next();
    kissed("RATE");
    BOOST_TEST(p->take_news().value_or("") == "wants fewer queries (RATE): not more often than each 128s");
    auto before = now;
    BOOST_TEST((next() == peer::want::send));
    BOOST_TEST((now - before >= 128s));
    kissed("RATE");
    before = now;
    p->hurry(now); // not even then
    BOOST_TEST((next() == peer::want::send));
    BOOST_TEST((now - before >= 255s));
    answered();
    p->adapt(false);
    BOOST_TEST((p->interval() == 256s));
}

BOOST_FIXTURE_TEST_CASE(deny_that_is_proven_is_obeyed_for_a_day, one_peer) {
    for (const auto* code : {"DENY", "RSTR"}) {
        make(true);
        locate();
        next();
        reply(kissing(*p->query(), code), 20ms, true);
        BOOST_TEST((p->state() == peer_state::stopped));
        BOOST_TEST(p->take_news().has_value());
        p->hurry(now);
        p->locate({second}, now);
        p->failed("?", now);
        BOOST_TEST(p->settled());
        const auto before = now;
        BOOST_TEST((next() == peer::want::locate));
        BOOST_TEST((now - before >= 24h));
    }
}

BOOST_FIXTURE_TEST_CASE(anybody_can_send_deny_so_it_slows_down_as_rate_does, one_peer) {
    for (const auto* code : {"DENY", "RSTR", "RATE"}) {
        make(false);
        become_steady();
        nanoseconds longest{0};
        for (int i = 0; i < 20; ++i) {
            const auto before = now;
            BOOST_TEST((next() == peer::want::send));
            longest = std::max(longest, now - before);
            kissed(code);
            BOOST_TEST(p->take_news().has_value() == (i < 2)); // as long as it slows down
        }
        BOOST_TEST((longest >= 256s && longest < 275s));
        BOOST_TEST(p->problem().find(code) != std::string::npos);
        next();
        answered();
        BOOST_TEST(p->problem().empty());
    }
}

BOOST_FIXTURE_TEST_CASE(a_kiss_does_not_keep_the_true_answer_out, one_peer) {
    become_steady();
    for (const auto* code : {"DENY", "RATE", "INIT", "?"}) {
        next();
        reply(kissing(*p->query(), code));
        answered();
        BOOST_TEST((p->interval() == 64s && p->state() == peer_state::steady));
        BOOST_TEST(!p->take_news().has_value());
    }
}

BOOST_FIXTURE_TEST_CASE(a_server_that_is_not_synchronised_is_told_from_a_silent_one, one_peer) {
    locate();
    next();
    kissed("INIT");
    BOOST_TEST(p->take_news().value_or("") == "the server is not synchronised yet (INIT)");
    BOOST_TEST(p->problem() == "the server is not synchronised yet (INIT)");
    make(false);
    locate();
    next();
    auto chronys = honest(*p->query(), now);
    chronys.stratum = 0;
    chronys.leap = leap::unsynchronised;
    reply(chronys);
    BOOST_TEST(p->problem() == "the server is not synchronised");
}

BOOST_FIXTURE_TEST_CASE(a_refused_port_backs_off, one_peer) {
    locate({first, second});
    next();
    p->refused("Connection refused", now); // the other one may be better
    BOOST_TEST((poll() == peer::want::send && *p->where() == second));
    p->refused("Connection refused", now);
    BOOST_TEST((p->state() == peer_state::silent));
    BOOST_TEST(p->problem() == "Connection refused");
    nanoseconds longest{0};
    int lookups = 0;
    for (int i = 0; i < 40; ++i) {
        const auto before = now;
        if (next() == peer::want::locate) {
            ++lookups;
            p->locate({second}, now);
            next();
        }
        BOOST_TEST((now - before >= 16s));
        longest = std::max(longest, now - before);
        p->refused("Connection refused", now);
        p->refused("Connection refused", now); // no query is out
    }
    BOOST_TEST((longest >= 64s));
    BOOST_TEST(lookups <= 5);
}

BOOST_FIXTURE_TEST_CASE(woken_it_asks_at_once_but_whoever_wakes_it_cannot_make_it_flood, one_peer) {
    become_steady();
    lose_all(60);
    now += 1s; // the next query is minutes away
    p->wake(now);
    BOOST_TEST((p->state() == peer_state::burst && poll() == peer::want::send));
    for (int hour = 0; hour < 2; ++hour) {
        int queries = 0;
        for (const auto end = now + 1h; now < end; now += 100ms) {
            p->wake(now);
            if (const auto w = poll(); w == peer::want::send)
                ++queries;
            else if (w == peer::want::locate)
                p->locate({first}, now);
        }
        BOOST_TEST(queries > 100);
        BOOST_TEST(queries <= 3600 / 64 * 8);
    }
}

BOOST_AUTO_TEST_CASE(woken_it_looks_for_its_address_but_not_in_a_loop) {
    for (const bool nts : {false, true}) {
        one_peer o(nts);
        int lookups = 0;
        for (const auto end = o.now + 1h; o.now < end; o.now += 100ms) {
            o.p->wake(o.now);
            if (o.poll() != peer::want::locate) continue;
            ++lookups;
            o.p->failed("no network", o.now);
        }
        BOOST_TEST(lookups <= 3600 / (nts ? 16 : 4) + 2);
        BOOST_TEST(lookups >= 3600 / (nts ? 17 : 5));
    }
}

BOOST_FIXTURE_TEST_CASE(a_liar_that_jumps_makes_a_line_a_minute, one_peer) {
    become_steady();
    int lines = 0;
    const auto begin = now;
    for (int i = 0; i < 100; ++i) {
        p->hurry(now);
        next();
        reply(honest(*p->query(), now, 20ms, i % 2 == 0 ? 3600s : -3600s));
        lines += p->take_news().has_value() ? 1 : 0;
        now += 3s;
    }
    BOOST_TEST(lines >= 4);
    BOOST_TEST(lines <= (now - begin) / 60s + 1);
}

BOOST_FIXTURE_TEST_CASE(deny_that_is_proven_leaves_the_other_address, one_peer) {
    make(true);
    locate({first, second});
    next();
    reply(kissing(*p->query(), "DENY"), 20ms, true);
    BOOST_TEST((next() == peer::want::send));
    BOOST_TEST((*p->where() == second));
}

BOOST_FIXTURE_TEST_CASE(nts_nak_wants_new_keys_but_not_in_a_loop, one_peer) {
    make(true);
    locate();
    nanoseconds waited{0};
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST((next() == peer::want::send));
        reply(kissing(*p->query(), "NTSN"));
        const auto before = now;
        BOOST_TEST((next() == peer::want::locate));
        BOOST_TEST((i == 0 ? now == before : now - before > waited));
        waited = now - before;
        p->locate({first}, now);
    }
}

BOOST_FIXTURE_TEST_CASE(forged_kisses_mean_nothing, one_peer) {
    locate();
    next();
    auto forged = kissing(*p->query(), "DENY");
    forged.origin.bits ^= 2;
    reply(forged);
    BOOST_TEST((p->state() == peer_state::burst));
    answered();
}

BOOST_AUTO_TEST_CASE(filter_keeps_the_nearest_of_eight_and_ages) {
    clock_filter filter;
    const frequency_estimate f;
    const auto take = [&](nanoseconds at, nanoseconds offset, nanoseconds delay) {
        sample s;
        s.at = instant{at};
        s.offset = offset;
        s.delay = delay;
        return filter.add(s, f);
    };
    BOOST_TEST(filter.best(instant{0s}, f) == nullptr);
    take(0s, 1ms, 10ms);
    take(1s, 9ms, 30ms);
    BOOST_TEST((filter.best(instant{1s}, f)->offset == 1ms));
    BOOST_TEST((filter.at(instant{1s}, f)->distance == 5500us)); // 500 ppm, the frequency being unknown
    BOOST_TEST((filter.jitter(instant{1s}, f) == 8ms));
    // By age the near one becomes the farther.
    take(30s, 9ms, 30ms);
    BOOST_TEST((filter.best(instant{30s}, f)->offset == 9ms));
    for (int i = 0; i < 8; ++i) take(31s, 5ms, 200ms);
    BOOST_TEST((filter.best(instant{31s}, f)->delay == 200ms));
    filter.widen(1s);
    BOOST_TEST((filter.at(instant{31s}, f)->distance == 1100ms));
}

BOOST_AUTO_TEST_CASE(filter_forgets_what_the_new_one_contradicts) {
    clock_filter filter;
    const frequency_estimate f;
    sample s;
    s.delay = 20ms;
    BOOST_TEST(!filter.add(s, f));
    s.offset = 20ms;
    s.delay = 21ms;
    BOOST_TEST(!filter.add(s, f)); // they touch
    s.offset = 3600s;
    s.delay = 2s;
    BOOST_TEST(filter.add(s, f));
    BOOST_TEST((filter.at(instant{0s}, f)->offset == 3600s));
}

BOOST_AUTO_TEST_SUITE_END()
