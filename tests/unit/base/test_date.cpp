#include "base/date.hpp"

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
    for (const auto* wrong :
         {"", "2026", "2026-12", "2026-1-1", "2026-13-01", "2026-00-01", "2026-02-29", "2026-01-00", "1969-12-31",
          "2201-01-01", "2026-12-31 ", "2026-12-31 24:00", "2026-12-31 18:60", "2026-12-31 18:00:60", "2026-12-31x",
          "2026-12-31 18:00ZZ", "+026-12-31", "2026-12-31  18:00", "tomorrow", "2026-12-31\n"})
        BOOST_TEST(at(wrong) == -1, wrong);
    BOOST_TEST(parse_date("\x1b[2J").error().text ==
               "expected a date like 2026-12-31, or 2026-12-31 18:00 (UTC), not '\\x1b[2J'");
}
