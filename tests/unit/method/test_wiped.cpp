// Keys that are derived for sealing leave no copy on the stack of whoever made them.
#include "key/expander.hpp"
#include "method/challenge/sealer.hpp"
#include "method/sealed/request.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <optional>
#include <pthread.h>
#include <string_view>
#include <sys/mman.h>
#include <vector>

using namespace chronoknock;

namespace {

constexpr std::size_t stack_size = std::size_t{1} << 20;

/// Calls f on a stack of its own, which it gives as it was left.
template <class F>
std::vector<std::uint8_t> stack_after(F f) {
    const auto unmap = [](void* p) { munmap(p, stack_size); };
    const std::unique_ptr<void, decltype(unmap)> stack(
        mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), unmap);
    BOOST_REQUIRE(stack.get() != MAP_FAILED);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    BOOST_REQUIRE(pthread_attr_setstack(&attributes, stack.get(), stack_size) == 0);
    pthread_t thread{};
    const auto run = [](void* call) -> void* {
        (*static_cast<F*>(call))();
        return nullptr;
    };
    BOOST_REQUIRE(pthread_create(&thread, &attributes, run, &f) == 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    const auto* const bytes = static_cast<const std::uint8_t*>(stack.get());
    return {bytes, bytes + stack_size};
}

bool has(const std::vector<std::uint8_t>& stack, const key::siv::key_bytes& k) {
    // Half of it is a key, too: of the MAC, of the cipher.
    const auto half = k.begin() + k.size() / 2;
    return std::ranges::search(stack, std::ranges::subrange(k.begin(), half)).begin() != stack.end() ||
           std::ranges::search(stack, std::ranges::subrange(half, k.end())).begin() != stack.end();
}

template <class Sealer>
void check(std::string_view purpose) {
    key::psk k;
    k.secret.assign(32, 7);
    key::expander expand(k.digest, k.secret);
    key::label label;
    label.begin(k.realm, "", purpose);
    auto bytes = std::make_unique<key::siv::key_bytes>();
    expand.expand(label.bytes(), *bytes);
    auto made = std::make_unique<std::optional<Sealer>>();
    BOOST_TEST(!has(stack_after([&] { made->emplace(k); }), *bytes));
    // What is looked for can be found.
    // What is looked for can be found, as deep as calls go.
    BOOST_TEST(has(stack_after([&] {
                       std::array<std::uint8_t, 16384> frame;
                       std::ranges::copy(*bytes, frame.begin());
                       asm volatile("" : : "r"(frame.data()) : "memory");
                   }),
                   *bytes));
}

} // namespace

BOOST_AUTO_TEST_SUITE(wiped)

BOOST_AUTO_TEST_CASE(key_of_challenges) { check<challenge::sealer>("challenge"); }
BOOST_AUTO_TEST_CASE(key_of_sealed_requests) { check<sealed::sealer>("seal"); }

BOOST_AUTO_TEST_SUITE_END()
