#include "method/address_index.hpp"

#include <boost/test/unit_test.hpp>
#include <map>
#include <random>
#include <vector>

using chronoknock::method::address_index;

namespace {

/// Enters and takes out at random as many slots as there may be, beside a map; hashes are drawn from so many.
void compare(std::size_t slots, std::uint32_t hashes, std::size_t rounds) {
    std::mt19937 random(11);
    address_index index(slots);
    std::map<std::uint32_t, std::uint32_t> hash_of; // of each slot that is in it
    std::vector<std::uint32_t> drawn(hashes);
    for (auto& h : drawn) h = static_cast<std::uint32_t>(random());
    const auto found = [&](std::uint32_t hash, std::uint32_t s) {
        return index.find(hash, [s](std::uint32_t one) { return one == s; }) == s;
    };
    for (std::size_t i = 0; i < rounds; ++i) {
        const auto s = static_cast<std::uint32_t>(random() % slots);
        if (const auto before = hash_of.find(s); before != hash_of.end()) {
            BOOST_REQUIRE(found(before->second, s));
            index.remove(before->second, s);
            BOOST_REQUIRE(!found(before->second, s));
            hash_of.erase(before);
        }
        if (random() % 8 == 0) continue;
        const auto hash = drawn[random() % drawn.size()];
        index.enter(hash, s);
        hash_of[s] = hash;
    }
    for (const auto& [s, hash] : hash_of) BOOST_REQUIRE(found(hash, s));
    for (const auto& [s, hash] : hash_of) index.remove(hash, s);
    for (const auto hash : drawn) // nothing is left, nor passed over
        BOOST_REQUIRE(index.find(hash, [](std::uint32_t) { return true; }) == address_index::none);
}

} // namespace

BOOST_AUTO_TEST_SUITE(an_index_of_addresses)

BOOST_AUTO_TEST_CASE(finds_what_was_entered_and_nothing_else) {
    compare(1, 3, 1000);
    compare(64, 64, 20'000);
    compare(100, 1000, 20'000);
    compare(4096, 100'000, 200'000);
}

BOOST_AUTO_TEST_CASE(finds_those_whose_hashes_are_the_same) {
    compare(64, 1, 20'000);
    compare(1000, 3, 20'000);
}

BOOST_AUTO_TEST_CASE(ends_though_every_bucket_was_passed_over) {
    address_index index(16); // two buckets of twelve
    for (std::uint32_t s = 0; s < 13; ++s) index.enter(0, s);
    for (std::uint32_t s = 1; s < 12; ++s) index.remove(0, s);
    for (std::uint32_t s = 13; s < 25; ++s) index.enter(1, s);
    BOOST_TEST((index.find(2u << 24, [](std::uint32_t) { return true; }) == address_index::none));
    BOOST_TEST((index.find(1, [](std::uint32_t s) { return s == 24; }) == 24u));
}

BOOST_AUTO_TEST_SUITE_END()
