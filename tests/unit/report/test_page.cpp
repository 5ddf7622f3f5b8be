#include "report/page.hpp"

#include "report/chart.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <regex>

using namespace chronoknock;
using namespace chronoknock::report;
using namespace std::chrono_literals;
using granting::history_entry;

namespace {

const unix_time now{1'800'000'000s};

findings some() {
    findings f;
    f.now = now;
    f.since = 24h * 30;
    f.host = "gate";
    f.version = "1.2";
    f.running.emplace();
    f.running->accepting = true;
    f.running->grants = 3;
    f.keys = {{"alice", "ssh", 80}, {"bob", "ssh, web", 80}};
    const auto who = address::parse("192.0.2.1").value();
    f.history = {{now - 1h, history_entry::kind::granted, "alice", who, "ssh", "30s"},
                 {now - 2h, history_entry::kind::refused, "bob", who, "ssh", "replay"},
                 {now - 24h * 40, history_entry::kind::granted, "bob", who, "ssh", "30s"}};
    for (int i = 0; i < 100; ++i)
        f.series.push_back({now - 5min * (100 - i), 5min, 10, 0, 0, 0, clock_state{1ms, 20ms}});
    return f;
}

std::size_t count(const std::string& text, std::string_view part) {
    std::size_t n = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
    return n;
}

void check_tags(const std::string& html) {
    for (const std::string tag : {"div", "section", "table", "tr", "svg", "figure", "span", "title", "b"})
        BOOST_TEST(count(html, "<" + tag + ">") + count(html, "<" + tag + " ") ==
                       count(html, "</" + tag + ">"),
                   tag);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_page_needs_nothing_from_elsewhere) {
    const auto html = page(some());
    BOOST_TEST(html.find("://") == html.npos);
    BOOST_TEST(html.find("<script") == html.npos);
    BOOST_TEST(
        !std::regex_search(html, std::regex("url\\(|@import|<link|<img|<iframe|src=|href=| on[a-z]+=")));
    check_tags(html);
    BOOST_TEST(count(html, "<svg") == 3u + 2u + 1u); // pictures, a strip for each key, why it was refused
    BOOST_TEST(html.find("60 min ago") != html.npos);
    BOOST_TEST(html.find("40 days ago") != html.npos);
    BOOST_TEST(html.find("<b>1,000</b>") != html.npos); // strangers
}

BOOST_AUTO_TEST_CASE(whatever_text_comes_it_stays_text) {
    auto f = some();
    const std::string evil = "</title></svg><script>alert('1')</script>\"onload=\"x&\x01\xff";
    f.host = f.version = f.running->problem = f.running->clock = evil;
    f.keys[0] = {evil, evil, 1};
    for (auto& e : f.history) e.key = e.services = e.why = evil;
    f.running->accepting = false;
    for (const bool running : {true, false}) {
        if (!running) f.running.reset(), f.not_running = evil;
        const auto html = page(f);
        BOOST_TEST(html.find("<script") == html.npos);
        BOOST_TEST(html.find("\"onload") == html.npos);
        BOOST_TEST(std::ranges::all_of(html, [](char c) { return (c >= ' ' && c < 0x7f) || c == '\n'; }));
        check_tags(html);
    }
}

BOOST_AUTO_TEST_CASE(nothing_and_far_too_much_make_pages_too) {
    findings f;
    f.now = now;
    f.since = 1min;
    check_tags(page(f));
    f = some();
    for (int i = 0; i < 10'000; ++i) f.keys.push_back({"key-" + std::to_string(i), "ssh", 60});
    for (int i = 0; i < 10'000; ++i)
        f.history.push_back({now - 1s * i, history_entry::kind::granted, "k", {}, "", ""});
    f.series.push_back(
        {now - 1s, 5min, ~std::uint64_t{0} >> 1, 1u << 31, 0, 0, clock_state{-(24h * 3650), 24h * 3650}});
    f.series.push_back({now + 24h, 5min, 9, 9, 9, 9, {}}); // by a clock that was ahead
    const auto html = page(f);
    check_tags(html);
    BOOST_TEST(html.size() < 1u << 20);
}

BOOST_AUTO_TEST_CASE(an_axis_knows_its_columns) {
    const time_axis axis{now - 100s, now, 10};
    BOOST_TEST(axis.column(now - 100s).value() == 0u);
    BOOST_TEST(axis.column(now - 91s).value() == 0u);
    BOOST_TEST(axis.column(now - 1s).value() == 9u);
    BOOST_TEST(!axis.column(now));
    BOOST_TEST(!axis.column(now - 101s));
    BOOST_TEST((axis.start_of(3) == now - 70s));
}

BOOST_AUTO_TEST_CASE(heights_are_round) {
    BOOST_TEST(round_up(0) == 1u);
    BOOST_TEST(round_up(3) == 5u);
    BOOST_TEST(round_up(50) == 50u);
    BOOST_TEST(round_up(51) == 100u);
    BOOST_TEST(round_up(~std::uint64_t{0}) > 0u);
    BOOST_TEST(length(250us) == "250 us");
    BOOST_TEST(length(-1500us) == "-1.5 ms");
    BOOST_TEST(length(20s) == "20 s");
}
