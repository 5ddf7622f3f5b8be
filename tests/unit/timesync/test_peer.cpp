#include "one_peer.hpp"

#include <algorithm>

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

BOOST_FIXTURE_TEST_CASE(a_server_of_the_own_network_is_asked_more_often, one_peer) {
    s.local_interval = 8s;
    for (const auto* text : {"192.0.2.1", "10.1.2.3", "fd00::1"}) {
        make(false);
        locate({{*address::parse(text), 123}});
        for (int i = 0; i < 4; ++i) {
            next();
            answered();
        }
        const bool local = text != std::string_view("192.0.2.1");
        BOOST_TEST((p->interval() == (local ? 8s : 64s)));
        next();
        kissed("RATE");
        BOOST_TEST((p->interval() == (local ? 16s : 128s)));
        p->locate({first}, now); // it has moved: what it asked for stays
        BOOST_TEST((p->interval() >= (local ? 16s : 128s)));
    }
    s.interval = 2s; // configured to be shorter still
    make(false);
    locate({{*address::parse("10.1.2.3"), 123}});
    BOOST_TEST((p->interval() == 2s));
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
