#include "base/prefix_set.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>

using namespace chronoknock;

namespace {

prefix_set set_of(std::initializer_list<const char*> networks) {
    std::vector<prefix> all;
    for (const auto* text : networks) all.push_back(*prefix::parse(text));
    return prefix_set(all);
}

bool has(const prefix_set& s, const char* text) { return s.contains(*address::parse(text)); }

} // namespace

BOOST_AUTO_TEST_SUITE(prefix_sets)

BOOST_AUTO_TEST_CASE(an_empty_one_has_nothing) {
    BOOST_TEST(!has({}, "0.0.0.0"));
    BOOST_TEST(!has(set_of({}), "::"));
}

BOOST_AUTO_TEST_CASE(networks_end_where_they_end) {
    const auto s = set_of({"192.0.2.0/25", "10.0.0.1", "2001:db8::/33", "fe80::1"});
    for (const auto* in : {"192.0.2.0", "192.0.2.127", "10.0.0.1", "2001:db8::", "fe80::1",
                           "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"})
        BOOST_TEST(has(s, in), in);
    for (const auto* out : {"192.0.1.255", "192.0.2.128", "10.0.0.0", "10.0.0.2",
                            "2001:db8:8000::", "fe80::2", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff"})
        BOOST_TEST(!has(s, out), out);
}

BOOST_AUTO_TEST_CASE(families_are_apart) {
    const auto all4 = set_of({"0.0.0.0/0"});
    BOOST_TEST(has(all4, "255.255.255.255"));
    BOOST_TEST(!has(all4, "::"));
    const auto all6 = set_of({"::/0"});
    BOOST_TEST(has(all6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
    BOOST_TEST(!has(all6, "192.0.2.1"));
}

BOOST_AUTO_TEST_CASE(one_network_within_another) {
    const auto s = set_of({"10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/24", "10.255.255.255", "10.0.0.0/8"});
    for (const auto* in : {"10.0.0.0", "10.0.1.0", "10.200.0.0", "10.255.255.255"})
        BOOST_TEST(has(s, in), in);
    BOOST_TEST(!has(s, "11.0.0.0"));
}

BOOST_AUTO_TEST_CASE(it_agrees_with_its_prefixes) {
    std::mt19937 random(7);
    // Few bits differ, so that there are many hits.
    const auto draw = [&] {
        std::array<std::uint8_t, 16> b{};
        b[0] = 0x20;
        b[15] = static_cast<std::uint8_t>(random() & 0x5f);
        b[3] = static_cast<std::uint8_t>(random() & 0x81);
        return random() % 2 ? address::v6(b) : address::v4(std::span<const std::uint8_t>(b).subspan<12, 4>());
    };
    for (int round = 0; round < 200; ++round) {
        std::vector<prefix> all;
        for (auto n = random() % 20; n > 0; --n) {
            auto text = draw().to_string();
            const auto bits = text.find(':') == text.npos ? 32u : 128u;
            const auto p = prefix::parse(text + "/" + std::to_string(bits - random() % 8));
            if (p) all.push_back(*p);
        }
        const prefix_set s(all);
        for (int i = 0; i < 200; ++i) {
            const auto a = draw();
            BOOST_TEST(s.contains(a) ==
                       std::ranges::any_of(all, [&](const prefix& p) { return p.contains(a); }));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
