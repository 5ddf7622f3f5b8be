// What strangers' datagrams may cost: HMACs are rationed, those for addresses that opened a door before
// apart.
#include "fwknop_lab.hpp"

using namespace chronoknock;
using fwknop::lab;

namespace {

std::uint64_t counted(const fwknop::verifier& v, std::string_view name) {
    for (const auto& [counter, number] : v.count())
        if (counter == name) return number;
    throw std::logic_error("no such counter");
}

/// Has the form of a packet and no key: number tells one from another.
std::string forged(std::uint32_t number) {
    std::string text = "8" + std::to_string(1'000'000'000 + number);
    text.resize(204, 'A');
    return text;
}

address ip(std::uint32_t n) {
    const std::uint8_t bytes[4] = {11, static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8),
                                   static_cast<std::uint8_t>(n)};
    return address::v4(bytes);
}

struct crowded : lab {
    crowded() {
        for (int k = 0; k < 250; ++k) key(static_cast<std::uint8_t>(k));
    }
    packet::event from(std::uint32_t n, std::string_view payload) const {
        auto e = datagram(payload);
        e.source = ip(n);
        return e;
    }
    /// A flood of so many forged packets a second from as many addresses.
    void flood(fwknop::verifier& v, double begin, double end, double rate) {
        std::uint32_t n = 0;
        for (auto t = begin; t < end; t += 0.01) {
            for (int i = 0; i < rate / 100; ++i) {
                const auto payload = forged(++number);
                v.observe(from(++n, payload), at(t));
            }
            BOOST_TEST(v.end_batch(at(t)).empty());
        }
    }
    std::uint32_t number = 0;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(random_datagram_costs_no_hmac, crowded) {
    auto v = make();
    std::string payload;
    for (int size = 0; size < 1600; ++size, payload += static_cast<char>(size * 7)) {
        v.observe(datagram(payload), at(1));
        payload[0] = '8';
    }
    v.end_batch(at(1));
    BOOST_TEST(counted(v, "derivations") == 0u);
    BOOST_TEST(!v.waiting());
}

BOOST_FIXTURE_TEST_CASE(forged_packets_cost_no_more_than_the_ration, crowded) {
    auto v = make();
    flood(v, 1, 11, 20'000);
    // A burst of a second, and ten seconds: 11 * 60,000, not 200,000 * 250.
    BOOST_TEST(counted(v, "derivations") <= 11.05 * fwknop::hmacs_per_second);
    BOOST_TEST(counted(v, "derivations") >= 9.5 * fwknop::hmacs_per_second);
    BOOST_TEST(counted(v, "turned_away") > 190'000u);
}

BOOST_FIXTURE_TEST_CASE(known_address_is_not_kept_out_by_a_flood_of_strangers, crowded) {
    const auto known = *address::parse("10.0.0.1");
    auto v = make([&](const address& a) { return a == known; });
    flood(v, 1, 3, 20'000);
    const auto sealed = seal_text(to_text(asking()), 249); // the last key: all others are tried before
    v.observe(datagram(sealed), at(3.001));
    const auto claims = v.end_batch(at(3.001));
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST(claims[0].key == 249u);
}

BOOST_FIXTURE_TEST_CASE(who_waits_keeps_his_place_and_is_served, crowded) {
    auto v = make();
    flood(v, 1, 3, 2'000);
    for (double t = 3; t < 10 && v.waiting(); t += 0.01) v.end_batch(at(t)); // the flood ends
    BOOST_TEST(!v.waiting());
    // Four each of two addresses; the ration is not there yet.
    const auto sealed = seal_text(to_text(asking()), 0);
    for (int i = 0; i < 6; ++i) v.observe(from(1, forged(++number)), at(10));
    v.observe(datagram(sealed), at(10));
    v.observe(datagram(sealed), at(10)); // a later round
    std::size_t found = 0;
    for (double t = 10; t < 12; t += 0.01) found += v.end_batch(at(t)).size();
    BOOST_TEST(found == 1u);
    BOOST_TEST(!v.waiting());
}

BOOST_FIXTURE_TEST_CASE(packet_is_remembered_over_a_change_of_keys, crowded) {
    auto v = make();
    v.end_batch(at(1));
    const auto sealed = seal_text(to_text(asking()), 249);
    v.observe(datagram(sealed), at(1));
    auto next = make();
    next.take_over(v);
    BOOST_TEST(next.waiting());
    const auto claims = next.end_batch(at(1.1));
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST(claims[0].key == 249u);
    BOOST_TEST((claims[0].first == at(1)));
}
