#include "timesync/ntp_packet.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::timesync;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t to_1970 = 2'208'988'800;

constexpr unix_time date(int y, unsigned m, unsigned d) {
    return std::chrono::sys_days(std::chrono::year(y) / static_cast<int>(m) / static_cast<int>(d));
}

} // namespace

BOOST_AUTO_TEST_SUITE(ntp_packet)

BOOST_AUTO_TEST_CASE(header_there_and_back) {
    ntp_header h;
    h.leap = leap::insert;
    h.mode = ntp_mode::server;
    h.stratum = 2;
    h.poll = -3;
    h.precision = -23;
    h.root_delay = 1500ms;
    h.root_dispersion = 250ms;
    h.reference_id = 0xc0000201;
    h.reference = {0x0102030405060708};
    h.origin = {0x1112131415161718};
    h.receive = {0x2122232425262728};
    h.transmit = {0x3132333435363738};
    const auto bytes = encode(h);
    BOOST_TEST(bytes[0] == (1 << 6 | 4 << 3 | 4));
    BOOST_TEST(bytes[4] == 0);
    BOOST_TEST(bytes[5] == 1);
    BOOST_TEST(bytes[6] == 0x80);
    BOOST_TEST(bytes[24] == 0x11);
    BOOST_TEST(bytes[47] == 0x38);
    const auto back = decode(bytes);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == h));
}

BOOST_AUTO_TEST_CASE(too_short_is_an_error_at_every_length) {
    const std::array<std::uint8_t, 60> bytes{};
    for (std::size_t n = 0; n < ntp_header_size; ++n)
        BOOST_TEST(!decode(std::span(bytes).first(n)).has_value());
    BOOST_TEST(decode(std::span(bytes).first(48)).has_value());
    BOOST_TEST(decode(bytes).has_value());
}

BOOST_AUTO_TEST_CASE(short_format_rounds_up_and_saturates) {
    ntp_header h;
    h.root_delay = 1ns;
    h.root_dispersion = 100'000s;
    const auto back = decode(encode(h));
    BOOST_TEST(back->root_delay.count() == 15258); // 1/65536 s
    BOOST_TEST((back->root_dispersion > 65535s && back->root_dispersion < 65536s));
}

BOOST_AUTO_TEST_CASE(a_query_tells_nothing) {
    const auto bytes = encode_query({0xfedcba9876543210});
    BOOST_TEST(bytes[0] == (4 << 3 | 3));
    for (std::size_t i = 1; i < 40; ++i) BOOST_TEST(bytes[i] == 0);
    BOOST_TEST(bytes[40] == 0xfe);
    BOOST_TEST(bytes[47] == 0x10);
}

BOOST_AUTO_TEST_CASE(timestamps) {
    // 2001-09-09 01:46:40.5
    const unix_time t(1'000'000'000s + 500ms);
    BOOST_TEST(to_ntp(t).bits == (std::uint64_t{1'000'000'000 + to_1970} << 32 | 0x80000000u));
    BOOST_TEST((to_unix(to_ntp(t), date(2001, 1, 1)) == t));
}

BOOST_AUTO_TEST_CASE(rollover_of_2036) {
    const auto rollover = unix_time(seconds((std::int64_t{1} << 32) - to_1970)); // 2036-02-07 06:28:16
    BOOST_TEST(to_seconds(rollover) == 2'085'978'496);
    BOOST_TEST(to_ntp(rollover).bits == 0u);
    for (const auto pivot : {rollover - 1s, rollover, rollover + 1s, date(2026, 1, 1), date(2080, 1, 1)}) {
        BOOST_TEST((to_unix({0}, pivot) == rollover));
        BOOST_TEST((to_unix({0xffff'ffff'0000'0000}, pivot) == rollover - 1s));
        BOOST_TEST((to_unix({5ull << 32}, pivot) == rollover + 5s));
    }
}

BOOST_AUTO_TEST_CASE(the_era_is_the_nearest_to_the_pivot) {
    for (int year = 1975; year < 2185; year += 7) {
        const auto pivot = date(year, 6, 1);
        for (const auto away : {-68 * 365 * 24h, -1h, 0h, 1h, 68 * 365 * 24h})
            BOOST_TEST((to_unix(to_ntp(pivot + away), pivot) == pivot + away));
    }
}

BOOST_AUTO_TEST_SUITE_END()
