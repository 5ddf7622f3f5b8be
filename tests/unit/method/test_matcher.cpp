#include "fixture.hpp"

#include <algorithm>
#include <random>
#include <set>

using namespace chronoknock;
using namespace chronoknock::time_sequence;

namespace {

const auto alice_ip = lab::ip(1);

std::vector<std::uint16_t> noise_ports(std::mt19937& random, std::size_t n) {
    std::vector<std::uint16_t> ports(n);
    for (auto& p : ports) p = static_cast<std::uint16_t>(1024 + random() % 64512);
    return ports;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_knock_matches_once, lab) {
    auto m = make();
    const auto found = knock(m, alice_ip, sequence(0, alice_ip, epoch), at(1));
    BOOST_REQUIRE(found.size() == 1u);
    BOOST_TEST((found[0].who == alice_ip));
    BOOST_TEST((found[0].id == time_sequence::sequence_id{0, sequence_id::all_services}));
    BOOST_TEST(found[0].t0 == epoch);
    BOOST_TEST((at(1) - found[0].first < std::chrono::milliseconds(2)));
    BOOST_TEST(knock(m, alice_ip, {}, at(1.1)).empty());
    // its SYNs are used up: a lone repeat of one of them completes nothing
    BOOST_TEST(knock(m, alice_ip, std::vector{sequence(0, alice_ip, epoch)[3]}, at(1.2)).empty());
    // all of them again are a replay, for the guard to refuse
    BOOST_TEST(knock(m, alice_ip, sequence(0, alice_ip, epoch), at(1.3)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_named_service_and_several_keys, lab) {
    server.services.push_back({"vpn", {*endpoint_range::parse("udp/51820")}, seconds(30), 0});
    server.keys.push_back(key("bob", 2));
    server.keys[1].services = {0, 1};
    psk(1).granularity = 3;
    auto m = make();
    const auto t0 = key::window_of(epoch, 3);
    const auto found = knock(m, alice_ip, sequence(1, alice_ip, t0, "vpn"), at(0));
    BOOST_REQUIRE(found.size() == 1u);
    BOOST_TEST((found[0].id == time_sequence::sequence_id{1, 1}));
    BOOST_TEST(found[0].t0 == t0);
    BOOST_TEST(knock(m, alice_ip, sequence(0, alice_ip, epoch, "vpn"), at(0)).empty());
    BOOST_TEST(knock(m, alice_ip, sequence(0, alice_ip, epoch, "ssh"), at(0)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(another_address_or_window_does_not_match, lab) {
    auto m = make();
    BOOST_TEST(knock(m, ip(2), sequence(0, alice_ip, epoch), at(1)).empty());
    BOOST_TEST(knock(m, ip(3), sequence(0, ip(3), epoch - 60), at(1)).empty());
    BOOST_TEST(knock(m, ip(4), sequence(0, ip(4), epoch + 30), at(1)).empty());
    BOOST_TEST(knock(m, ip(5), sequence(0, ip(5), epoch - 10), at(1)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(order_repeats_and_noise_do_not_matter_in_set_mode, lab) {
    auto m = make();
    std::mt19937 random(1);
    for (std::uint32_t n = 10; n < 110; ++n) {
        auto ports = sequence(0, ip(n), epoch);
        const auto strangers = noise_ports(random, 200);
        ports.insert(ports.end(), ports.begin(), ports.begin() + 5);
        ports.insert(ports.end(), strangers.begin(), strangers.end());
        std::ranges::shuffle(ports, random);
        BOOST_TEST(knock(m, ip(n), ports, at(1)).size() == 1u);
    }
}

BOOST_FIXTURE_TEST_CASE(a_knock_outlives_a_batch_of_noise_from_its_own_address, lab) {
    auto m = make();
    std::mt19937 random(2);
    const auto ports = sequence(0, alice_ip, epoch);
    const auto before = noise_ports(random, 5000);
    const auto after = noise_ports(random, 5000);
    send(m, alice_ip, before, at(1));
    send(m, alice_ip, ports, at(1));
    send(m, alice_ip, after, at(1));
    BOOST_TEST(m.end_batch(at(1)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(memory_is_as_long_as_it_says, lab) {
    auto m = make();
    std::mt19937 random(3);
    const auto ports = sequence(0, alice_ip, epoch);
    const auto first = std::span{ports}.first(1);
    const auto rest = std::span{ports}.subspan(1);
    send(m, alice_ip, first, at(1));
    send(m, alice_ip, noise_ports(random, server.knock.memory - ports.size()), at(1));
    BOOST_TEST(knock(m, alice_ip, rest, at(1)).size() == 1u);
    const auto others = sequence(0, ip(2), epoch);
    send(m, ip(2), std::span{others}.first(1), at(1));
    send(m, ip(2), noise_ports(random, server.knock.memory - ports.size() + 1), at(1));
    BOOST_TEST(knock(m, ip(2), std::span{others}.subspan(1), at(1)).empty());
}

BOOST_FIXTURE_TEST_CASE(what_is_older_than_the_timeout_does_not_count, lab) {
    server.knock.timeout = seconds(2);
    auto m = make();
    const auto ports = sequence(0, alice_ip, epoch);
    const auto half = std::span{ports}.first(8);
    const auto rest = std::span{ports}.subspan(8);
    BOOST_TEST(knock(m, alice_ip, half, at(0)).empty());
    BOOST_TEST(knock(m, alice_ip, rest, at(2.01)).empty());
    BOOST_TEST(knock(m, alice_ip, half, at(4.0)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(first_is_the_first_syn_of_the_knock, lab) {
    auto m = make();
    const auto ports = sequence(0, alice_ip, epoch);
    send(m, alice_ip, std::span{ports}.first(1), at(3));
    BOOST_TEST(m.end_batch(at(3)).empty());
    const auto found = knock(m, alice_ip, std::span{ports}.subspan(1), at(7));
    BOOST_REQUIRE(found.size() == 1u);
    BOOST_TEST((found[0].first <= at(3) && found[0].first > at(2.99)));
}

BOOST_FIXTURE_TEST_CASE(strict_wants_order_and_nothing_between, lab) {
    strict();
    psk(0).ports = *port_set::parse("2000-65535");
    server.keys.push_back(key("wide", 9)); // its pool is wider: 1024 and on
    auto m = make();
    auto ports = sequence(0, alice_ip, epoch);
    BOOST_TEST(knock(m, alice_ip, ports, at(1)).size() == 1u);

    auto swapped = sequence(0, ip(2), epoch);
    std::swap(swapped[4], swapped[5]);
    BOOST_TEST(knock(m, ip(2), swapped, at(1)).empty());

    auto foreign = sequence(0, ip(3), epoch);
    foreign.insert(foreign.begin() + 7, 5000);
    BOOST_TEST(knock(m, ip(3), foreign, at(1)).empty());

    auto outside = sequence(0, ip(4), epoch); // a SYN that is in another key's pool only
    outside.insert(outside.begin() + 7, 1500);
    BOOST_TEST(knock(m, ip(4), outside, at(1)).size() == 1u);

    auto restarted = sequence(0, ip(5), epoch); // a wrong start, then the sequence
    restarted.insert(restarted.begin(), restarted.begin(), restarted.begin() + 3);
    BOOST_TEST(knock(m, ip(5), restarted, at(1)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(strict_takes_a_retransmission_for_what_it_is, lab) {
    strict();
    auto m = make();
    const auto ports = sequence(0, alice_ip, epoch);
    const auto once = [&](std::size_t i) {
        return syn(alice_ip, 40000, ports[i], static_cast<std::uint32_t>(i));
    };
    for (std::size_t i = 0; i < ports.size(); ++i) {
        m.observe(once(i), at(1));
        if (i > 2) m.observe(once(i - 2), at(1));
    }
    BOOST_TEST(m.end_batch(at(1)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(the_windows_move_with_the_clock, lab) {
    psk(0).granularity = 1;
    auto m = make();
    for (int t = 1; t < 200; ++t)
        BOOST_TEST(knock(m, ip(7), sequence(0, ip(7), epoch + t), at(t)).size() == 1u);
    const auto live = m.keys().live_count();
    // a day later, and back again: the same number of windows, and they match
    BOOST_TEST(knock(m, ip(8), sequence(0, ip(8), epoch + 86400), at(86400)).size() == 1u);
    BOOST_TEST(m.keys().live_count() == live);
    m.advance(at(86401), {clock(at(10)), nanoseconds(0)}, ~std::size_t{0});
    send(m, ip(9), sequence(0, ip(9), epoch + 10), at(86401));
    BOOST_TEST(m.end_batch(at(86401)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(advancing_in_small_steps_ends_where_one_large_one_does, lab) {
    for (std::uint8_t i = 2; i < 50; ++i) server.keys.push_back(key("k" + std::to_string(i), i));
    auto m = make();
    const time_estimate later{clock(at(95)), nanoseconds(0)};
    int calls = 1;
    while (!m.advance(at(95), later, 7)) ++calls;
    BOOST_TEST(calls == 14);
    BOOST_TEST(knock(m, alice_ip, sequence(48, alice_ip, epoch + 90), at(95)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(ignored_parameters, lab) {
    psk(0).ignore_ip = true;
    server.keys.push_back(key("timeless", 3));
    psk(1).ignore_time = true;
    auto m = make();
    BOOST_TEST(knock(m, ip(2), sequence(0, alice_ip, epoch), at(1)).size() == 1u);
    BOOST_TEST(knock(m, ip(3), sequence(1, ip(3), 12345), at(100000)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(plain_digests, lab) {
    psk(0).hmac = false;
    psk(0).digest = "md5";
    psk(0).length = 8;
    auto m = make();
    BOOST_TEST(knock(m, alice_ip, sequence(0, alice_ip, epoch), at(1)).size() == 1u);
    BOOST_TEST(knock(m, ip(2), sequence(0, ip(2), epoch - 10), at(1)).size() == 1u);
    BOOST_TEST(knock(m, ip(3), sequence(0, ip(3), epoch - 20), at(1)).empty());
}

BOOST_FIXTURE_TEST_CASE(strangers_cannot_make_the_server_hash_without_end, lab) {
    server.knock.tracked = 65536;
    for (std::uint8_t i = 2; i < 102; ++i) server.keys.push_back(key("k" + std::to_string(i), i));
    for (std::size_t i = 0; i < server.keys.size(); ++i) {
        psk(i).hmac = false;
        psk(i).length = 16;
    }
    const auto friendly = ip(77);
    auto m = make([&](const address& a) { return a == friendly; });
    m.advance(at(10), {clock(at(10)), nanoseconds(0)}, ~std::size_t{0});
    m.end_batch(at(10)); // the ration is full
    std::mt19937 random(4);
    for (std::uint32_t n = 1000; n < 2000; ++n) send(m, ip(n), noise_ports(random, 16), at(10));
    BOOST_TEST(m.end_batch(at(10)).empty());
    BOOST_TEST(m.count().derivations <= 10'000u);
    BOOST_TEST(m.count().postponed > 0u);
    BOOST_TEST(m.waiting());
    // a friend is looked at all the same
    send(m, friendly, sequence(60, friendly, epoch + 10), at(10.001));
    BOOST_TEST(m.end_batch(at(10.001)).size() == 1u);
    // a stranger's good knock waits for the ration and then opens
    const auto late = ip(78);
    send(m, late, sequence(60, late, epoch + 10), at(10.002));
    std::size_t found = 0;
    double t = 10.002;
    for (; found == 0 && t < 15; t += 0.001) found += m.end_batch(at(t)).size();
    BOOST_TEST(found == 1u);
    BOOST_TEST_MESSAGE("a stranger's knock behind 1,000 postponed looks of 100 keys waited " << t - 10
                                                                                             << " s");
}

BOOST_FIXTURE_TEST_CASE(a_flood_of_strangers_costs_no_hashing_and_no_look, lab) {
    server.knock.tracked = 4096;
    auto m = make();
    const auto derived = m.count().derivations;
    const auto bytes = m.addresses()->bytes();
    for (std::uint32_t n = 0; n < 100'000; ++n)
        m.observe(syn(ip(n), 1, static_cast<std::uint16_t>(1024 + n % 60000), n), at(1));
    BOOST_TEST(m.end_batch(at(1)).empty());
    BOOST_TEST(m.count().looks == 0u);
    BOOST_TEST(m.count().derivations == derived);
    BOOST_TEST(m.addresses()->bytes() == bytes);
    BOOST_TEST(m.addresses()->newcomers() == 100'000u);
    BOOST_TEST(knock(m, alice_ip, sequence(0, alice_ip, epoch), at(1)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_datagram_is_no_syn, lab) {
    auto m = make();
    const auto ports = sequence(0, alice_ip, epoch);
    for (const auto port : ports) {
        auto e = syn(alice_ip, 40000, port, 0);
        e.kind = packet::kind::datagram;
        m.observe(e, at(1));
    }
    BOOST_TEST(m.end_batch(at(1)).empty());
    BOOST_TEST(m.count().tracked == 0u);
    BOOST_TEST(knock(m, alice_ip, ports, at(1)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(what_no_pool_holds_is_counted_and_dropped, lab) {
    auto m = make();
    m.observe(syn(alice_ip, 1, 22, 1), at(1));
    BOOST_TEST(m.count().outside_pool == 1u);
    BOOST_TEST(m.count().tracked == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_full_scan_opens_nothing, lab) {
    auto m = make();
    std::vector<std::uint16_t> every(65536);
    for (std::uint32_t p = 0; p < every.size(); ++p) every[p] = static_cast<std::uint16_t>(p);
    std::mt19937 random(5);
    for (int round = 0; round < 4; ++round) {
        BOOST_TEST(knock(m, alice_ip, every, at(1)).empty());
        std::ranges::shuffle(every, random);
    }
}

// Who holds a key can send all of a sequence out of order, and then its ports again and again.
BOOST_FIXTURE_TEST_CASE(strict_costs_no_more_than_set, lab) {
    const auto derived = [&](config::matching mode) {
        for (auto& k : server.keys) k.mode = mode;
        auto m = make();
        auto ports = sequence(0, alice_ip, epoch);
        std::ranges::reverse(ports);
        ports.pop_back(); // in set mode, too, it stays incomplete until its selector comes
        const auto selector = sequence(0, alice_ip, epoch).front();
        std::swap(ports[3], ports[5]);
        ports.insert(ports.begin() + 4, selector);
        if (mode == config::matching::set)
            ports.erase(std::ranges::find(ports, sequence(0, alice_ip, epoch)[7]));
        for (int round = 0; round < 100; ++round)
            for (const auto port : ports) BOOST_TEST(knock(m, alice_ip, std::vector{port}, at(1)).empty());
        return m.count().derivations;
    };
    const auto in_set_mode = derived(config::matching::set);
    BOOST_TEST(derived(config::matching::strict) <= 2 * in_set_mode + 100); // its last port comes each round
}

BOOST_AUTO_TEST_CASE(how_many_different_ports_a_sequence_has) {
    const auto usual = distinct_of(16, 64512);
    BOOST_TEST(usual.usually == 16);
    BOOST_TEST(usual.least >= 9);
    BOOST_TEST(usual.least <= 12);
    BOOST_TEST(distinct_of(16, 1).least == 1);
    BOOST_TEST(distinct_of(16, 2).least == 1);
    BOOST_TEST(distinct_of(64, 2).least == 2); // 2^-63 of being one port
    BOOST_TEST(distinct_of(2, 65536).least == 1);
    BOOST_TEST(distinct_of(2, 65536).usually == 2);
}

// Of a small pool many sequences have few different ports: none is refused.
BOOST_FIXTURE_TEST_CASE(sequences_whose_ports_coincide_match, lab) {
    psk(0).ports = *port_set::parse("2000-2011");
    server.knock.tracked = 65536;
    auto m = make();
    std::size_t fewest = 16;
    for (std::uint32_t n = 0; n < 5000; ++n) {
        const auto ports = sequence(0, ip(n), epoch);
        fewest = std::min(fewest, std::set(ports.begin(), ports.end()).size());
        BOOST_REQUIRE(!knock(m, ip(n), ports, at(1 + n / 1000.0)).empty());
    }
    BOOST_TEST(fewest < 8u);
}

BOOST_FIXTURE_TEST_CASE(who_waits_is_not_forgotten_for_newcomers, lab) {
    method::tracker t({16, 8, 8, seconds(10)}, {1, 2, 3, 4});
    const auto first = t.observe(syn(ip(1), 1, 2000, 1), at(0));
    t.begin_wait(first, 2);
    for (std::uint32_t n = 2; n < 200; ++n) t.observe(syn(ip(n), 1, 2000, 1), at(0));
    BOOST_TEST((t.who(first) == ip(1)));
    BOOST_TEST(t.count(first) == 1u);
    t.end_wait(first, 2);
    for (std::uint32_t n = 200; n < 300; ++n) t.observe(syn(ip(n), 1, 2000, 1), at(0));
    BOOST_TEST((t.who(first) != ip(1)));
}
