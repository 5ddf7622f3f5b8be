#include "timesync/sample.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::timesync;
using namespace std::chrono_literals;

namespace {

constexpr unix_time noon = std::chrono::sys_days(std::chrono::year(2026) / 5 / 1) + 12h;
constexpr instant sent{1000s};
constexpr ntp_timestamp ours{0x1234567890abcdef};

// 30 ms there, held for 10 ms, 10 ms back; it was noon when the query left.
struct good_answer {
    ntp_header h;
    exchange x{ours, sent, sent + 50ms, false};

    good_answer() {
        h.mode = ntp_mode::server;
        h.stratum = 2;
        h.precision = -20;
        h.root_delay = 20ms;
        h.root_dispersion = 5ms;
        h.origin = ours;
        h.reference = to_ntp(noon - 60s);
        h.receive = to_ntp(noon + 30ms);
        h.transmit = to_ntp(noon + 40ms);
    }
    answer check(bool nts = false, unix_time pivot = noon) const { return check_answer(h, x, nts, pivot); }
    void refused(refusal why, bool nts = false) const {
        const auto a = check(nts);
        BOOST_REQUIRE(std::holds_alternative<refusal>(a));
        BOOST_TEST(to_string(std::get<refusal>(a)) == to_string(why));
    }
    void kissed(kiss k, bool nts = false) const {
        const auto a = check(nts);
        BOOST_REQUIRE(std::holds_alternative<kiss>(a));
        BOOST_TEST(to_string(std::get<kiss>(a)) == to_string(k));
    }
};

std::uint32_t code(const char* text) {
    std::uint32_t id = 0;
    for (int i = 0; i < 4; ++i) id = id << 8 | static_cast<std::uint8_t>(text[i]);
    return id;
}

} // namespace

BOOST_AUTO_TEST_SUITE(ntp_sample)

BOOST_FIXTURE_TEST_CASE(offset_delay_and_distance, good_answer) {
    const auto a = check();
    BOOST_REQUIRE(std::holds_alternative<sample>(a));
    const auto& s = std::get<sample>(a);
    const auto truth = noon.time_since_epoch() - sent.time_since_epoch();
    BOOST_TEST((std::chrono::abs(s.delay - 40ms) < 2ns));
    BOOST_TEST((std::chrono::abs(s.offset - truth - 10ms) < 2ns)); // half of the asymmetry
    BOOST_TEST((std::chrono::abs(s.offset - truth) <= s.distance()));
    BOOST_TEST((s.distance() > 35ms && s.distance() < 36ms)); // (40 + 20) / 2 + 5 and the clocks
    BOOST_TEST((s.at == sent + 50ms));
    BOOST_TEST(s.stratum == 2);
}

BOOST_FIXTURE_TEST_CASE(across_the_rollover_of_2036, good_answer) {
    const auto rollover = unix_time(seconds(2'085'978'496));
    h.reference = to_ntp(rollover - 60s);
    h.receive = to_ntp(rollover - 1ms);
    h.transmit = to_ntp(rollover + 9ms);
    for (const auto pivot : {noon, rollover}) {
        const auto a = check(false, pivot);
        BOOST_REQUIRE(std::holds_alternative<sample>(a));
        const auto truth = rollover.time_since_epoch() - 31ms - sent.time_since_epoch();
        BOOST_TEST((std::chrono::abs(std::get<sample>(a).offset - truth - 10ms) < 2ns));
    }
}

BOOST_FIXTURE_TEST_CASE(refuses_another_origin, good_answer) {
    h.origin.bits ^= 1;
    refused(refusal::wrong_origin);
}

BOOST_FIXTURE_TEST_CASE(refuses_other_modes, good_answer) {
    for (int m = 0; m < 8; ++m) {
        if (m == 4) continue;
        h.mode = static_cast<ntp_mode>(m);
        refused(refusal::wrong_mode);
    }
}

BOOST_FIXTURE_TEST_CASE(refuses_other_versions, good_answer) {
    for (const int v : {0, 1, 2, 3, 5, 6, 7}) {
        h.version = static_cast<std::uint8_t>(v);
        refused(refusal::wrong_version);
    }
}

BOOST_FIXTURE_TEST_CASE(refuses_who_is_not_synchronised, good_answer) {
    h.leap = leap::unsynchronised;
    refused(refusal::unsynchronised);
    h.leap = leap::none;
    h.stratum = 16;
    refused(refusal::unsynchronised);
    h.stratum = 17;
    refused(refusal::bad_stratum);
    h.stratum = 15;
    BOOST_TEST(std::holds_alternative<sample>(check()));
}

BOOST_FIXTURE_TEST_CASE(refuses_a_root_too_far, good_answer) {
    h.root_dispersion = 16s;
    refused(refusal::bad_distance);
    h.root_dispersion = 0s;
    h.root_delay = 32s;
    refused(refusal::bad_distance);
    h.root_delay = 0s;
    h.precision = 1;
    refused(refusal::bad_distance);
}

BOOST_FIXTURE_TEST_CASE(refuses_impossible_times, good_answer) {
    const auto good = h;
    h.receive = {};
    refused(refusal::no_time);
    h = good;
    h.transmit = {};
    refused(refusal::no_time);
    h = good;
    h.transmit = to_ntp(noon + 29ms);
    refused(refusal::goes_backwards);
    h = good;
    h.transmit = to_ntp(noon + 30ms + 51ms);
    refused(refusal::impossible_delay);
    h = good;
    h.reference = to_ntp(noon + 1s);
    refused(refusal::bad_reference);
    h = good;
    h.reference = {};
    BOOST_TEST(std::holds_alternative<sample>(check()));
    x.received = x.sent - 1ns;
    refused(refusal::impossible_delay);
}

BOOST_FIXTURE_TEST_CASE(kisses, good_answer) {
    h.stratum = 0;
    h.leap = leap::unsynchronised;
    h.receive = h.transmit = {};
    h.reference_id = code("DENY");
    kissed(kiss::deny);
    h.reference_id = code("RSTR");
    kissed(kiss::restrict_);
    h.reference_id = code("RATE");
    kissed(kiss::rate);
    h.reference_id = code("NTSN");
    kissed(kiss::nts_nak);
    h.reference_id = code("XXXX");
    kissed(kiss::other);
}

BOOST_FIXTURE_TEST_CASE(with_nts_only_what_is_authenticated, good_answer) {
    refused(refusal::not_authenticated, true);
    x.authenticated = true;
    BOOST_TEST(std::holds_alternative<sample>(check(true)));
    x.authenticated = false;
    h.stratum = 0;
    h.reference_id = code("DENY"); // whoever is on the way could say that
    refused(refusal::not_authenticated, true);
    h.reference_id = code("NTSN");
    kissed(kiss::nts_nak, true);
}

BOOST_AUTO_TEST_CASE(references) {
    BOOST_TEST(reference_text(code("GPS\0"), 1) == "GPS");
    BOOST_TEST(reference_text(0xc0000201, 2) == "192.0.2.1");
    BOOST_TEST(reference_text(code("a\nb\x1b"), 1) == "a\\x0ab\\x1b");
}

BOOST_AUTO_TEST_SUITE_END()
