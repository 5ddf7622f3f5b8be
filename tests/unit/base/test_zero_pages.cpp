#include "base/zero_pages.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <limits>
#include <new>
#include <sys/mman.h>
#include <vector>

using namespace chronoknock;

namespace {

constexpr std::size_t page = 4096;

/// How many pages of it the kernel has given.
std::size_t resident(std::span<const std::byte> memory) {
    std::vector<unsigned char> there((memory.size() + page - 1) / page);
    BOOST_TEST_REQUIRE(mincore(const_cast<std::byte*>(memory.data()), memory.size(), there.data()) == 0);
    return static_cast<std::size_t>(std::ranges::count_if(there, [](auto t) { return t & 1; }));
}

} // namespace

BOOST_AUTO_TEST_CASE(a_table_costs_nothing_until_it_is_touched) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, std::size_t{5} << 20}) {
        zero_pages<std::uint64_t> t(size);
        BOOST_TEST(t.size() == size);
        BOOST_TEST(t.memory().size() == 8 * size);
        BOOST_TEST(resident(t.memory()) == 0u);
        t[size - 1] = 7;
        BOOST_TEST(t[size / 2] == (size == 1 ? 7u : 0u));
        BOOST_TEST(populate(t.memory()));
        BOOST_TEST(resident(t.memory()) == (8 * size + page - 1) / page);
        BOOST_TEST(t[size - 1] == 7u);
        BOOST_TEST(std::ranges::count(t, 0u) == static_cast<std::ptrdiff_t>(size - 1));
    }
}

BOOST_AUTO_TEST_CASE(a_table_moves) {
    zero_pages<std::uint32_t> a(3), none;
    a[1] = 5;
    zero_pages<std::uint32_t> b(std::move(a));
    BOOST_TEST(a.size() == 0u);
    none = std::move(b);
    BOOST_TEST(none.size() == 3u);
    BOOST_TEST(none[1] == 5u);
    BOOST_TEST(populate(b.memory())); // of nothing
}

BOOST_AUTO_TEST_CASE(what_the_kernel_does_not_promise_is_thrown) {
    BOOST_CHECK_THROW(zero_pages<std::byte>(std::numeric_limits<std::size_t>::max() / 4), std::bad_alloc);
}
