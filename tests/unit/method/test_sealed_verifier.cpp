// The verifier of sealed knocks: what earns a claim by each carrier, and what does not.
#include "sealed_lab.hpp"

#include <random>

using namespace chronoknock;
using namespace chronoknock::sealed;

BOOST_AUTO_TEST_SUITE(sealed_verifier)

BOOST_FIXTURE_TEST_CASE(request_becomes_a_claim_by_each_carrier, lab) {
    key();
    auto v = make();
    auto r = asks(1, "web");
    r.open_for = 90;
    const auto m = seal(r);
    const auto question = packet::make_dns_question(to_name(m, "kNocK.Example"), 7);
    const auto check = [&](const std::vector<granting::claim>& claims, std::string_view carrier) {
        BOOST_REQUIRE_MESSAGE(claims.size() == 1u, carrier);
        const auto& c = claims[0];
        BOOST_TEST(c.key == 0u);
        BOOST_TEST((c.source == who));
        BOOST_TEST((c.beneficiary == who));
        BOOST_TEST((c.services == std::vector<std::uint32_t>{1}));
        BOOST_TEST((c.what == granting::claim::wish::open));
        BOOST_TEST((c.open_for == nanoseconds(std::chrono::seconds(90))));
        BOOST_TEST(c.once.key == server.keys[0].key->fingerprint());
        BOOST_TEST((c.once.identity == std::string(m.begin() + 4, m.begin() + 20)));
        BOOST_TEST(c.once.place == r.time);
        BOOST_TEST(c.once.slack == 10);
        BOOST_TEST((c.once.good->begin == clock(at(1))));
        BOOST_TEST((c.once.good->end == clock(at(21))));
        BOOST_TEST(c.unfit == "");
        BOOST_TEST(c.description == "message of 2023-11-14 22:13:21 by " + std::string(carrier));
    };
    check(see(v, datagram(m), 1), "udp");
    check(see(v, echo(m), 1), "icmp");
    check(see(v, datagram(question, 53), 1), "dns");
    check(see_syns(v, ports(*this, m), 1), "ports");
    check(see_syns(v, ports(*this, m), 2, true), "ports");
    BOOST_TEST(counted(v, "decryptions") == 5u);
}

BOOST_FIXTURE_TEST_CASE(what_is_taken_at_the_start_has_the_memory_for_syns_in_it, lab) {
    key();
    server.knock.tracked = 65536;
    auto v = make();
    std::size_t bytes = 0;
    for (const auto table : v.tables()) bytes += table.size();
    BOOST_TEST(bytes >= 65536u * 3 / 2 * 64);
}

BOOST_FIXTURE_TEST_CASE(first_syn_says_when_a_knock_arrived, lab) {
    key();
    auto v = make();
    const auto m = seal(asks(1));
    const auto claims = see_syns(v, ports(*this, m), 1);
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST((claims[0].first > at(0.99) && claims[0].first < at(1.002)));
}

BOOST_FIXTURE_TEST_CASE(zero_service_and_zero_address, lab) {
    key().for_others = true;
    auto v = make();
    auto r = asks(1);
    r.who.reset();
    const auto claims = see(v, datagram(seal(r)), 1);
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST((claims[0].services == std::vector<std::uint32_t>{0, 1}));
    BOOST_TEST((claims[0].beneficiary == who));
    BOOST_TEST(!claims[0].open_for.has_value());
    BOOST_TEST(claims[0].unfit == "");
    r.who = *address::parse("2001:db8::7");
    BOOST_TEST((see(v, datagram(seal(r)), 1)[0].beneficiary == *r.who));
}

BOOST_FIXTURE_TEST_CASE(another_address_needs_for_others, lab) {
    key();
    auto v = make();
    auto r = asks(1);
    r.who = *address::parse("192.0.2.9");
    BOOST_TEST(see(v, datagram(seal(r)), 1)[0].unfit == "it asks for 192.0.2.9, and for_others is not set");
    r.who.reset();
    BOOST_TEST(see(v, datagram(seal(r)), 1)[0].unfit ==
               "it asks for whoever sends it, and for_others is not set");
    r = asks(1, "mail"); // there is such a service, but not for this key
    BOOST_TEST(see(v, datagram(seal(r)), 1)[0].unfit == "it asks for a service that the key may not open");
}

BOOST_FIXTURE_TEST_CASE(a_pair_is_of_both_families, lab) {
    key().pair = true;
    auto v = make();
    auto r = asks(1);
    const auto v6 = *address::parse("2001:db8::7");
    r.who = v6;
    for (const bool close : {false, true}) {
        r.close = close;
        const auto c = see(v, datagram(seal(r)), 1).at(0);
        BOOST_TEST(c.unfit == "");
        BOOST_TEST((c.beneficiary == who));
        BOOST_TEST((c.paired == v6));
    }
    // Of the same family, or none: as without it. An IPv4-mapped address is the IPv4 address.
    for (const auto* same : {"192.0.2.9", "::ffff:192.0.2.9"}) {
        r.who = *address::parse(same);
        const auto c = see(v, datagram(seal(r)), 1).at(0);
        BOOST_TEST(c.unfit == "it asks for 192.0.2.9, and for_others is not set");
        BOOST_TEST(!c.paired.has_value());
    }
    r.who = who;
    BOOST_TEST((see(v, datagram(seal(r)), 1).at(0).unfit.empty()));
    r.who.reset();
    BOOST_TEST((see(v, datagram(seal(r)), 1).at(0).unfit != ""));
    // By DNS the source may be a resolver's.
    r.who = v6;
    const auto question = packet::make_dns_question(to_name(seal(r), "knock.example"), 7);
    const auto c = see(v, datagram(question, 53), 1).at(0);
    BOOST_TEST(c.unfit == "it asks for 2001:db8::7, and for_others is not set");
    BOOST_TEST(!c.paired.has_value());
}

BOOST_FIXTURE_TEST_CASE(for_others_and_a_pair, lab) {
    auto& k = key();
    k.pair = k.for_others = true;
    auto v = make();
    auto r = asks(1);
    r.who = *address::parse("192.0.2.9"); // of the same family: for that alone
    auto c = see(v, datagram(seal(r)), 1).at(0);
    BOOST_TEST((c.unfit.empty() && c.beneficiary == *r.who && !c.paired));
    r.who = *address::parse("2001:db8::7");
    c = see(v, datagram(seal(r)), 1).at(0);
    BOOST_TEST((c.unfit.empty() && c.beneficiary == who && c.paired == r.who));
}

BOOST_FIXTURE_TEST_CASE(close_is_a_claim_as_well, lab) {
    key();
    auto v = make();
    auto r = asks(1, "ssh");
    r.close = true;
    const auto claims = see(v, datagram(seal(r)), 1);
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST((claims[0].what == granting::claim::wish::close));
    BOOST_TEST(claims[0].once.identity.size() == 16u);
}

BOOST_FIXTURE_TEST_CASE(key_counts_only_by_its_carriers, lab) {
    key("carrier = udp\nports = 20000\n");
    key("carrier = icmp\n");
    key("carrier = dns\nzone = a.example\n");
    key("carrier = dns\nzone = b.example\n");
    key("carrier = udp\nports = 20001\n");
    key("carrier = ports\n");
    auto v = make();
    const auto m = [&](std::size_t k) { return seal(asks(1), k); };
    const auto ask = [&](std::size_t k, const std::string& zone) {
        return see(v, datagram(packet::make_dns_question(to_name(m(k), zone), 1), 53), 1).size();
    };
    BOOST_TEST(see(v, datagram(m(0)), 1).size() == 1u);
    BOOST_TEST(see(v, datagram(m(0), 20001), 1).empty()); // that one is another key's
    BOOST_TEST(see(v, echo(m(0)), 1).empty());
    BOOST_TEST(see(v, echo(m(1)), 1).size() == 1u);
    BOOST_TEST(see(v, datagram(m(1)), 1).empty());
    BOOST_TEST(ask(2, "a.example") == 1u);
    BOOST_TEST(ask(2, "b.example") == 0u);
    BOOST_TEST(ask(3, "b.example") == 1u);
    BOOST_TEST(ask(0, "a.example") == 0u);
    BOOST_TEST(see_syns(v, ports(*this, m(5), 5), 1).size() == 1u);
    BOOST_TEST(see_syns(v, ports(*this, m(0), 5), 1).empty());
    BOOST_TEST(counted(v, "decryptions") == 5u);
}

BOOST_FIXTURE_TEST_CASE(what_is_no_message_is_not_decrypted, lab) {
    key();
    auto v = make();
    auto m = seal(asks(1));
    std::vector<std::uint8_t> longer(m.begin(), m.end());
    longer.push_back(0);
    BOOST_TEST(see(v, datagram(longer), 1).empty());
    BOOST_TEST(see(v, datagram(byte_view(m).first(56)), 1).empty());
    BOOST_TEST(see(v, datagram({}), 1).empty());
    BOOST_TEST(see(v, datagram(m, 20004), 1).empty());
    auto old = asks(1);
    old.time -= 60; // its window's tag is not live any more
    BOOST_TEST(see(v, datagram(seal(old)), 1).empty());
    old.time += 120;
    BOOST_TEST(see(v, datagram(seal(old)), 1).empty());
    BOOST_TEST(counted(v, "decryptions") == 0u);
    m[20] ^= 1;
    BOOST_TEST(see(v, datagram(m), 1).empty());
    BOOST_TEST(counted(v, "decryptions") == 1u);
}

BOOST_FIXTURE_TEST_CASE(messages_near_their_time_are_left_to_the_record, lab) {
    key();
    auto v = make();
    for (const int off :
         {-24, -11, 0, 6}) { // an error of 5 s at most, 10 s for the SYNs of one that travels so
        auto r = asks(30);
        r.time += off;
        BOOST_TEST(see(v, datagram(seal(r)), 30).size() == 1u, off);
    }
}

BOOST_FIXTURE_TEST_CASE(message_of_the_end_of_a_window_is_good_until_three_after_its_beginning, lab) {
    key("granularity = 100\n");
    auto v = make();
    const auto m = seal(asks(99));
    BOOST_TEST(see(v, datagram(m, 20000), 298).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(tag_of_another_window_is_refused, lab) {
    key();
    auto v = make();
    const auto r = asks(1);
    sealer s(of(0).psk());
    const key::psk& psk = of(0).psk();
    key::expander e(psk.digest, psk.secret);
    key::label info;
    info.begin("", "", "seal");
    key::siv::key_bytes k{};
    e.expand(info.bytes(), k);
    message m{};
    const auto tag = s.tag(epoch + 10);
    for (std::size_t i = 0; i < 4; ++i) m[i] = static_cast<std::uint8_t>(tag >> (24 - 8 * i));
    std::ranges::copy(*key::siv(k).seal({byte_view(m).first(4)}, encode(r)), m.begin() + 4);
    BOOST_TEST(s.open(m).has_value());
    BOOST_TEST(see(v, datagram(m), 5).empty());
}

BOOST_FIXTURE_TEST_CASE(loss_and_disorder_do_no_harm_to_indexed_ports, lab) {
    key();
    auto v = make();
    std::mt19937 random(1);
    for (int n = 0; n < 20; ++n) {
        const double s = 1 + n;
        auto r = asks(s);
        r.nonce[0] = static_cast<std::uint8_t>(n);
        auto sent = ports(*this, seal(r));
        auto twice = sent;
        twice.insert(twice.end(), sent.begin(), sent.end());
        std::erase_if(twice, [&, i = 0u](auto) mutable { return random() % 20 == 0 && ++i < 4; });
        std::ranges::shuffle(twice, random);
        for (const auto port : sent)
            if (std::ranges::find(twice, port) == twice.end()) twice.push_back(port);
        BOOST_TEST(see_syns(v, twice, s, true).size() == 1u);
    }
}

BOOST_FIXTURE_TEST_CASE(sequential_ports_come_in_order_and_nothing_between, lab) {
    key("carrier = ports\norder = sequential\nbase = 30000\nbits = 8\n");
    auto v = make();
    auto next = [&, n = 0](double s) mutable {
        auto r = asks(s);
        r.nonce[0] = static_cast<std::uint8_t>(++n);
        return ports(*this, seal(r));
    };
    BOOST_TEST(see_syns(v, next(1), 1).size() == 1u);
    auto swapped = next(2);
    const auto at_difference = std::ranges::adjacent_find(swapped, std::not_equal_to<>());
    std::iter_swap(at_difference, at_difference + 1);
    BOOST_TEST(see_syns(v, swapped, 2).empty());
    auto disturbed = next(20);
    disturbed.insert(disturbed.begin() + 20, 30000);
    BOOST_TEST(see_syns(v, disturbed, 20).empty());
    BOOST_TEST(see_syns(v, next(22), 22).size() == 1u); // whatever came before
    auto elsewhere = next(40);
    elsewhere.insert(elsewhere.begin() + 20, 29999); // none of the span
    BOOST_TEST(see_syns(v, elsewhere, 40).size() == 1u);
    // What TCP sends again is passed over.
    advance(v, 60);
    for (const auto port : next(60)) {
        const auto e = syn(port);
        v.observe(e, at(60));
        v.observe(e, at(60));
    }
    BOOST_TEST(v.end_batch(at(60)).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(noise_in_the_name_of_the_knocker, lab) {
    key();
    auto v = make();
    std::mt19937 random(2);
    const auto noise = [&] { return static_cast<std::uint16_t>(1024 + random() % 47104); };
    int opened = 0;
    for (int n = 0; n < 30; ++n) {
        const double s = 1 + 15 * n;
        auto r = asks(s);
        r.nonce[0] = static_cast<std::uint8_t>(n);
        const auto sent = ports(*this, seal(r));
        std::vector<std::uint16_t> all;
        for (int i = 0; i < 100; ++i) all.push_back(noise()); // what came before it, two for each digit
        for (std::size_t i = 0; i < sent.size(); ++i) {
            all.push_back(sent[i]);
            if (i % 8 == 0) all.push_back(noise()); // and six meanwhile: all subsets of them are 64
        }
        auto claims = see_syns(v, all, s);
        if (claims.empty()) { // gone into when it is over
            BOOST_TEST(v.waiting());
            claims = v.end_batch(at(s + 0.1));
        }
        opened += claims.size() == 1;
    }
    BOOST_TEST(opened == 30);
}

BOOST_FIXTURE_TEST_CASE(take_over_goes_on_with_what_was_seen, lab) {
    key();
    auto v = make();
    const auto sent = ports(*this, seal(asks(1)));
    const std::span all(sent);
    BOOST_TEST(see_syns(v, all.first(30), 1).empty());
    auto next = make([](const address&) { return false; }, &v);
    advance(next, 1.1);
    next.take_over(v);
    BOOST_TEST(see_syns(next, all.subspan(30), 1.2).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
