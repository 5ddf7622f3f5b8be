// The verifier of sealed knocks: what strangers and overheard tags cost, and whom that keeps waiting.
#include "sealed_lab.hpp"

#include <random>

using namespace chronoknock;
using namespace chronoknock::sealed;

namespace {

/// The n-th of forged messages under a live tag of a key.
message forged_under(const lab& l, std::size_t k, double s, unsigned n) {
    auto m = l.seal(l.asks(s), k);
    m[30] ^= 1;
    for (std::size_t i = 0; i < 4; ++i) m[40 + i] = static_cast<std::uint8_t>(n >> 8 * i);
    return m;
}

address stranger(unsigned n) {
    return *address::parse("10." + std::to_string(n >> 16 & 255) + "." + std::to_string(n >> 8 & 255) + "." +
                           std::to_string(n & 255));
}

constexpr unsigned burst_of_wholes = 10'000; // a tenth of a second's
constexpr unsigned burst_of_syns = 8'000;
constexpr unsigned overheard = 26; // keys enough to use up a ration

/// Has decryptions of messages put together of SYNs done at `s`, until `left` of the ration are left: under
/// the tags of the keys from `first` on.
void use_up_syns(lab& l, verifier& v, std::size_t first, unsigned left, double s) {
    l.begin(v, s);
    const auto honest = l.who;
    const auto goal = l.counted(v, "decryptions") + burst_of_syns - left;
    unsigned n = 0;
    for (auto k = first; k < first + overheard; ++k)
        for (int i = 0; i < 5000 && l.counted(v, "decryptions") < goal; ++i) {
            const auto before = l.counted(v, "turned_away");
            l.who = stranger(++n);
            for (const auto port : ports(l, forged_under(l, k, s, n), k)) v.observe(l.syn(port), l.at(s));
            v.end_batch(l.at(s));
            if (l.counted(v, "turned_away") != before) break; // the key's part
        }
    l.who = honest;
    BOOST_REQUIRE(l.counted(v, "decryptions") == goal);
}

} // namespace

BOOST_AUTO_TEST_SUITE(sealed_verifier)

BOOST_FIXTURE_TEST_CASE(noise_with_an_overheard_tag_costs_64_decryptions_at_most, lab) {
    key();
    auto v = make();
    const auto heard = ports(*this, seal(asks(1)));
    std::mt19937 random(3);
    advance(v, 1);
    std::vector<std::uint16_t> all(heard.begin(), heard.begin() + 4);
    for (int round = 0; round < 4; ++round)
        for (std::size_t i = 4; i < heard.size(); ++i)
            all.push_back(static_cast<std::uint16_t>(
                1024 + (i << 10) + (i + 1 == heard.size() ? random() % 64 << 4 : random() % 1024)));
    for (const auto port : all) v.observe(syn(port), at(1));
    BOOST_TEST(v.end_batch(at(1)).empty());
    BOOST_TEST(counted(v, "decryptions") == 3u); // at the 64th, the 128th and the last SYN: what is newest
    BOOST_TEST(v.waiting());
    v.end_batch(at(1.02));
    BOOST_TEST(counted(v, "decryptions") == 3u);
    v.end_batch(at(1.1));
    BOOST_TEST(counted(v, "decryptions") == 3u + 63); // and the others of 64
    BOOST_TEST(!v.waiting());
    // The same again is known to be nothing.
    v.observe(syn(all.back()), at(1.2));
    v.end_batch(at(1.2));
    v.end_batch(at(1.3));
    BOOST_TEST(counted(v, "decryptions") == 3u + 63);
}

BOOST_FIXTURE_TEST_CASE(decryptions_are_rationed_for_each_key_and_kind_of_address, lab) {
    key();
    key();
    const auto friend_of_ours = *address::parse("203.0.113.5");
    auto v = make([&](const address& a) { return a == friend_of_ours; });
    begin(v, 1);
    for (unsigned n = 0; n < 20'000; ++n) v.observe(datagram(forged_under(*this, 0, 1, n)), at(1));
    // Half of all, and the key's part; one message waits for its turn.
    BOOST_TEST(counted(v, "decryptions") == burst_of_wholes / 2 + burst_of_wholes / 50);
    BOOST_TEST(counted(v, "turned_away") == 20'000 - burst_of_wholes / 2 - burst_of_wholes / 50 - 1);
    BOOST_TEST(see(v, datagram(seal(asks(1), 1)), 1).size() == 1u); // another key's
    BOOST_TEST(see_syns(v, ports(*this, seal(asks(1))), 1, true).size() == 1u);
    auto r = asks(1);
    r.who = friend_of_ours;
    auto e = datagram({});
    const auto m = seal(r);
    e.source = friend_of_ours;
    e.payload = m;
    BOOST_TEST(see(v, e, 1).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(message_waits_for_the_ration_of_an_overheard_key, lab) {
    key();
    auto v = make();
    begin(v, 1);
    const auto honest = who;
    who = stranger(1);
    for (unsigned n = 0; n < 20'000; ++n) v.observe(datagram(forged_under(*this, 0, 1, n)), at(1));
    who = honest;
    BOOST_TEST(see(v, datagram(seal(asks(1))), 1).empty());
    BOOST_TEST(v.waiting());
    who = stranger(1);
    for (unsigned n = 0; n < 20'000; ++n) v.observe(datagram(forged_under(*this, 0, 1, n)), at(1));
    who = honest;
    const auto claims = v.end_batch(at(1.002));
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST((claims[0].source == honest));
    BOOST_TEST((claims[0].first == at(1)));
    BOOST_TEST(!v.waiting());
}

BOOST_FIXTURE_TEST_CASE(forged_message_costs_nothing_again, lab) {
    key();
    auto v = make();
    begin(v, 1);
    const auto forged = forged_under(*this, 0, 1, 1);
    for (unsigned n = 0; n < 20'000; ++n) {
        who = stranger(n);
        v.observe(datagram(forged), at(1));
    }
    BOOST_TEST(counted(v, "decryptions") == 1u);
    BOOST_TEST(counted(v, "turned_away") == 0u);
    BOOST_TEST(see(v, datagram(seal(asks(1))), 1).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(replays_take_nothing_from_what_is_new, lab) {
    key();
    auto v = make();
    begin(v, 1);
    const auto honest = who;
    const auto m = seal(asks(1));
    for (unsigned n = 0; n < 20'000; ++n) {
        who = stranger(n);
        v.observe(datagram(m), at(1));
    }
    BOOST_TEST(counted(v, "decryptions") == 1 + burst_of_wholes / 50);
    BOOST_TEST(v.end_batch(at(1)).size() == counted(v, "decryptions"));
    who = honest;
    auto r = asks(1);
    r.nonce[0] = 1;
    BOOST_TEST(see(v, datagram(seal(r)), 1).size() == 1u);
    BOOST_TEST(see(v, datagram(m), 1.01).size() == 1u); // and then they count again
}

BOOST_FIXTURE_TEST_CASE(twenty_overheard_keys_take_nothing_from_another, lab) {
    for (int k = 0; k < 21; ++k) key();
    auto v = make();
    begin(v, 1);
    const auto honest = who;
    unsigned source = 0;
    for (std::size_t k = 0; k < 20; ++k)
        for (unsigned n = 0; n < 6'000; ++n) {
            who = stranger(++source);
            v.observe(datagram(forged_under(*this, k, 1, n)), at(1));
        }
    who = honest;
    BOOST_TEST(counted(v, "decryptions") == burst_of_wholes / 2 + 20 * (burst_of_wholes / 50));
    BOOST_TEST(see(v, datagram(seal(asks(1), 20)), 1).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(messages_of_syns_use_up_nothing_of_whole_ones, lab) {
    for (unsigned k = 0; k <= overheard; ++k) key();
    auto v = make();
    use_up_syns(*this, v, 1, 0, 1);
    BOOST_TEST(see_syns(v, ports(*this, seal(asks(1))), 1, true).empty());
    auto r = asks(1);
    r.nonce[0] = 1;
    BOOST_TEST(see(v, datagram(seal(r)), 1).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(search_that_waits_for_a_ration_claims_nothing_twice, lab) {
    server.knock.memory = 200;
    key();
    key("carrier = ports\nbase = 49000\nbits = 8\n");
    for (unsigned k = 0; k < overheard; ++k) key();
    auto v = make();
    use_up_syns(*this, v, 2, 1, 1);
    const auto first = ports(*this, seal(asks(1)));
    const auto second = ports(*this, seal(asks(1), 1), 1);
    std::vector<std::uint16_t> all(first.begin(), first.begin() + 30); // not complete when first looked at
    all.insert(all.end(), second.begin(), second.end());
    all.insert(all.end(), first.begin() + 30, first.end());
    const auto claims = see_syns(v, all, 1, true);
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST(claims[0].key == 0u);
    BOOST_TEST(v.waiting());
    const auto others = v.end_batch(at(1.001));
    BOOST_REQUIRE(others.size() == 1u);
    BOOST_TEST(others[0].key == 1u);
}

namespace {

/// A knock with noise in it, which is gone into later.
void disturbed_knock(lab& l, verifier& v, const address& from, double s) {
    l.who = from;
    auto sent = ports(l, l.seal(l.asks(s)));
    sent.push_back(sent[10] ^ 1);
    for (const auto port : sent) v.observe(l.syn(port), l.at(s));
    BOOST_TEST(v.end_batch(l.at(s)).empty());
}

} // namespace

BOOST_FIXTURE_TEST_CASE(noise_in_strangers_names_holds_up_nobody_who_was_here_before, lab) {
    server.knock.tracked = 65536; // the strangers send 370,000 SYNs
    for (unsigned k = 0; k <= overheard; ++k) key();
    const auto friend_of_ours = *address::parse("203.0.113.5");
    auto v = make([&](const address& a) { return a == friend_of_ours; });
    begin(v, 1);
    const auto newcomer = who;
    disturbed_knock(*this, v, newcomer, 1);
    disturbed_knock(*this, v, friend_of_ours, 1.000'001);
    use_up_syns(*this, v, 1, 0, 1.039'999);
    const auto claims = v.end_batch(at(1.040'002)); // both are due
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST((claims[0].source == friend_of_ours));
    const auto others = v.end_batch(at(1.05));
    BOOST_REQUIRE(others.size() == 1u);
    BOOST_TEST((others[0].source == newcomer));
}

BOOST_FIXTURE_TEST_CASE(disturbed_knocks_beyond_the_places_for_them_are_turned_away, lab) {
    key();
    auto v = make();
    begin(v, 1);
    for (unsigned n = 1; n <= 5; ++n)
        disturbed_knock(*this, v, stranger(n), 2 + n * 1e-6); // four have a place
    BOOST_TEST(counted(v, "turned_away") == 1u);
}

BOOST_FIXTURE_TEST_CASE(work_of_new_windows_is_spread, lab) {
    for (int n = 0; n < 50; ++n) key("carrier = udp, ports\n");
    auto v = make();
    int steps = 1;
    for (; !v.advance(at(0), {clock(at(0)), nanoseconds(0)}, 8); ++steps) BOOST_REQUIRE(steps < 100);
    BOOST_TEST(steps == 7);
    BOOST_TEST(v.advance(at(1), {clock(at(1)), nanoseconds(0)}, 8));
    BOOST_TEST(see(v, datagram(seal(asks(1), 49)), 1).size() == 1u);
    // The clock goes a long way on, and back again; instants do not.
    double s = 2;
    for (const auto off : {5000, -100, 100}) {
        s += 1;
        const auto ask = [&](std::size_t k) {
            auto r = asks(s);
            r.time += off;
            return seal(r, k);
        };
        v.advance(at(s), {clock(at(s)) + std::chrono::seconds(off), nanoseconds(0)}, ~std::size_t{0});
        const auto m = ask(31);
        v.observe(datagram(m), at(s));
        for (const auto port : ports(*this, ask(30), 30)) v.observe(syn(port), at(s));
        BOOST_TEST(v.end_batch(at(s)).size() == 2u);
        BOOST_TEST(counted(v, "live_tags") <= 50u * 7);
    }
}

BOOST_AUTO_TEST_SUITE_END()
