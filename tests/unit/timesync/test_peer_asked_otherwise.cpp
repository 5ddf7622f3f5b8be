// Kisses, refusals and wakes: who else has a say in when a server is asked.
#include "one_peer.hpp"

#include <algorithm>

BOOST_AUTO_TEST_SUITE(time_peer_asked_otherwise)

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

BOOST_FIXTURE_TEST_CASE(a_kiss_that_anybody_can_send_does_not_outlast_32_answers, one_peer) {
    become_steady();
    for (int i = 0; i < 4; ++i) next(), kissed("DENY");
    for (int i = 0; i < 32; ++i) {
        BOOST_TEST((next() == peer::want::send));
        answered();
        p->adapt(false); // as little as it may
    }
    const auto before = now;
    BOOST_TEST((next() == peer::want::send));
    answered();
    p->adapt(false);
    BOOST_TEST((p->interval() < 256s));
    BOOST_TEST((now - before < 300s));
}

BOOST_FIXTURE_TEST_CASE(a_kiss_does_not_keep_the_true_answer_out, one_peer) {
    become_steady();
    for (const auto* code : {"DENY", "RATE", "INIT", "????"}) {
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

BOOST_AUTO_TEST_SUITE_END()
