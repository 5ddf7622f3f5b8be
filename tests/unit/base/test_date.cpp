#include "base/date.hpp"
#include "base/text.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;

BOOST_AUTO_TEST_CASE(dates_in_their_forms) {
    const auto at = [](std::string_view text) {
        const auto t = parse_date(text);
        return t ? to_seconds(*t) : -1;
    };
    BOOST_TEST(at("1970-01-01") == 0);
    BOOST_TEST(at("2026-12-31") == 1798675200);
    BOOST_TEST(at("2026-12-31 18:00") == 1798675200 + 18 * 3600);
    BOOST_TEST(at("2026-12-31T18:00:07Z") == 1798675200 + 18 * 3600 + 7);
    BOOST_TEST(at("2028-02-29") == 1835395200);
    for (const auto* wrong : {"",
                              "2026",
                              "2026-12",
                              "2026-1-1",
                              "2026-13-01",
                              "2026-00-01",
                              "2026-02-29",
                              "2026-01-00",
                              "1969-12-31",
                              "2201-01-01",
                              "2026-12-31 ",
                              "2026-12-31 24:00",
                              "2026-12-31 18:60",
                              "2026-12-31 18:00:60",
                              "2026-12-31x",
                              "2026-12-31 18:00ZZ",
                              "+026-12-31",
                              "2026-12-31  18:00",
                              "tomorrow",
                              "2026-12-31\n"})
        BOOST_TEST(at(wrong) == -1, wrong);
    BOOST_TEST(parse_date("\x1b[2J").error().text ==
               "expected a date like 2026-12-31, or 2026-12-31 18:00 (UTC), not '\\x1b[2J'");
}

BOOST_AUTO_TEST_CASE(moments_that_options_take) {
    const unix_time now = parse_date("2026-11-28 12:00").value();
    const auto at = [&](std::string_view text, direction way) {
        const auto t = parse_moment(text, now, way);
        return t ? utc(to_seconds(*t)) : "none";
    };
    BOOST_TEST(at("30d", direction::back) == "2026-10-29 12:00:00");
    BOOST_TEST(at("30d", direction::ahead) == "2026-12-28 12:00:00");
    BOOST_TEST(at("12h", direction::back) == "2026-11-28 00:00:00");
    BOOST_TEST(at("90m", direction::ahead) == "2026-11-28 13:30:00");
    BOOST_TEST(at("90", direction::back) == "2026-11-28 11:58:30");
    BOOST_TEST(at("0", direction::back) == "2026-11-28 12:00:00");
    for (const auto way : {direction::back, direction::ahead}) {
        BOOST_TEST(at("@1800000000", way) == "2027-01-15 08:00:00");
        BOOST_TEST(at("2026-12-31 18:00", way) == "2026-12-31 18:00:00");
        BOOST_TEST(at("2026-11-01T00:00:07Z", way) == "2026-11-01 00:00:07");
        for (const auto* wrong :
             {"", "d", "-1d", "36501d", "1.5h", "@", "@-1", "@4000000001", "soon", "30dd", "3 d"})
            BOOST_TEST(at(wrong, way) == "none", wrong);
    }
    BOOST_TEST(parse_moment("\x1b", now, direction::back).error().text ==
               "expected so long (30d, 12h, 90m, or seconds), @UNIXTIME or a date like 2026-12-31 or "
               "2026-12-31 18:00 (UTC), not '\\x1b'");
}
