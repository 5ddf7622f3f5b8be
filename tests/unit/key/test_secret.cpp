#include "key/secret.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>

using namespace chronoknock::key;

// Under AddressSanitizer; clang says in another way than g++ that it is there.
#ifdef __SANITIZE_ADDRESS__
#define MLOCK_DOES_NOTHING
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MLOCK_DOES_NOTHING
#endif
#endif

namespace {

/// So many kB of this process are locked.
[[maybe_unused]] long locked() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (word == "VmLck:") {
            long kb = 0;
            status >> kb;
            return kb;
        }
    return -1;
}

} // namespace

BOOST_AUTO_TEST_SUITE(secret)

BOOST_AUTO_TEST_CASE(memory_is_locked_and_serves_many_sizes) {
    std::vector<secret_bytes> all;
    for (std::size_t size = 16; size <= 65536; size *= 2) all.emplace_back(size, std::uint8_t{0xa5});
    for (const auto& one : all) BOOST_TEST(std::ranges::count(one, 0xa5) == std::ptrdiff_t(one.size()));
#ifndef MLOCK_DOES_NOTHING
    BOOST_TEST(locked() > 0);
#endif
    const auto copy = all;
    BOOST_TEST((copy == all));
}

BOOST_AUTO_TEST_CASE(what_is_given_back_is_wiped) {
    // The pool hands out again what it got back last: looked at before anything is written.
    void* const first = take_secret_memory(64, 1);
    std::fill_n(static_cast<std::uint8_t*>(first), 64, std::uint8_t{0x5a});
    give_secret_memory(first, 64, 1);
    const auto* const second = static_cast<std::uint8_t*>(take_secret_memory(64, 1));
    BOOST_TEST(std::count(second, second + 64, 0x5a) == 0);
    give_secret_memory(const_cast<std::uint8_t*>(second), 64, 1);
}

BOOST_AUTO_TEST_SUITE_END()
