#include "report/metrics.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#include <sstream>

using namespace chronoknock;
using namespace chronoknock::report;
using namespace std::chrono_literals;

namespace {

metrics some() {
    metrics m;
    m.version = "1.2";
    m.started = unix_time{1'800'000'000s + 250ms};
    m.accepting = m.synchronised = true;
    m.knocks = {7, 2, 3, 1};
    m.syns_in_pool = 1234;
    m.clock = {-1500us, 20ms};
    m.grants = 4;
    m.keys = {{"alice", 5, unix_time{1'800'000'010s}}};
    m.granted_to_others = 2;
    m.delays.add(150us);
    m.delays.add(30s);
    return m;
}

bool has(const std::string& text, std::string_view one) {
    return ("\n" + text).find("\n" + std::string(one) + "\n") != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(metrics_for_prometheus) {
    const auto text = to_text(some(), exposition::prometheus);
    for (const auto* one :
         {"# TYPE chronoknock_knocks_total counter", "chronoknock_knocks_total{outcome=\"granted\"} 7",
          "chronoknock_build_info{version=\"1.2\"} 1", "chronoknock_start_time_seconds 1800000000.250",
          "chronoknock_clock_offset_seconds -0.0015", "chronoknock_clock_error_seconds 0.02",
          "chronoknock_accepting 1", "chronoknock_stranger_syns_total 1234", "chronoknock_live_grants 4",
          "chronoknock_key_grants_total{key=\"alice\"} 5", "chronoknock_unlisted_key_grants_total 2",
          "chronoknock_key_last_grant_timestamp_seconds{key=\"alice\"} 1800000010.000",
          "chronoknock_grant_delay_seconds_bucket{le=\"0.0001\"} 0",
          "chronoknock_grant_delay_seconds_bucket{le=\"0.0002\"} 1",
          "chronoknock_grant_delay_seconds_bucket{le=\"10.0\"} 1",
          "chronoknock_grant_delay_seconds_bucket{le=\"+Inf\"} 2", "chronoknock_grant_delay_seconds_count 2"})
        BOOST_TEST(has(text, one), one << " in\n" << text);
    BOOST_TEST(text.find("EOF") == text.npos);
    BOOST_TEST(text.back() == '\n');
}

BOOST_AUTO_TEST_CASE(openmetrics_names_counters_otherwise_and_ends) {
    const auto text = to_text(some(), exposition::openmetrics);
    BOOST_TEST(has(text, "# TYPE chronoknock_knocks counter"));
    BOOST_TEST(has(text, "chronoknock_knocks_total{outcome=\"refused\"} 3"));
    BOOST_TEST(text.ends_with("\n# EOF\n"));
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_left_out) {
    const auto text = to_text({}, exposition::prometheus);
    BOOST_TEST(text.find("clock_offset") == text.npos);
    BOOST_TEST(text.find("live_grants") == text.npos);
    BOOST_TEST(has(text, "chronoknock_accepting 0"));
}

BOOST_AUTO_TEST_CASE(a_fleet_has_figures_of_its_own) {
    BOOST_TEST(to_text(some(), exposition::prometheus).find("fleet") == std::string::npos);
    auto m = some();
    m.fleet = {.lost = false,
               .watching = true,
               .endpoints = 3,
               .answering = 2,
               .grants = 4,
               .burnt = 7,
               .shared = 5,
               .ignored = 1,
               .times_lost = 2};
    const auto text = to_text(m, exposition::prometheus);
    for (const auto* one :
         {"chronoknock_fleet_connected 1", "chronoknock_fleet_watching 1", "chronoknock_fleet_endpoints 3",
          "chronoknock_fleet_endpoints_answering 2", "chronoknock_fleet_live_grants 4",
          "chronoknock_fleet_burnt_total 7", "chronoknock_fleet_shared_grants_total 5",
          "chronoknock_fleet_ignored_entries_total 1", "chronoknock_fleet_lost_total 2"})
        BOOST_TEST(has(text, one), one << " in\n" << text);
}

BOOST_AUTO_TEST_CASE(labels_are_escaped) {
    BOOST_TEST(label_value("a\"b\\c\nd\x01\xff") == "a\\\"b\\\\c\\nd??");
    auto m = some();
    m.keys[0].name = "x\"} 1\nevil 2";
    BOOST_TEST(!has(to_text(m, exposition::prometheus), "evil 2\"} 5"));
    std::istringstream lines(to_text(m, exposition::prometheus));
    for (std::string one; std::getline(lines, one);)
        BOOST_TEST((one.starts_with("chronoknock_") || one.starts_with("# ")), one);
}

BOOST_AUTO_TEST_CASE(a_scraper_gets_what_it_asks_for) {
    const auto om = exposition::openmetrics, classic = exposition::prometheus;
    BOOST_TEST((asked_for("") == classic));
    BOOST_TEST((asked_for("*/*") == classic));
    BOOST_TEST(
        (asked_for("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
                   "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1") == om));
    BOOST_TEST((asked_for("text/plain, Application/OpenMetrics-Text") == om));
    BOOST_TEST((asked_for("application/openmetrics-text;q=0, text/plain") == classic));
    BOOST_TEST((asked_for("application/openmetrics-text; q=0.0") == classic));
    BOOST_TEST((asked_for("application/openmetrics-text;q=0.1") == om));
    BOOST_TEST((asked_for("text/openmetrics-text") == classic));
}
