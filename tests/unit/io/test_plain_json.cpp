#include "io/control/history_view.hpp"
#include "io/control/plain_json.hpp"
#include "io/control/view_text.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <vector>

using namespace chronoknock;
using namespace std::chrono_literals;
namespace json = boost::json;

BOOST_AUTO_TEST_SUITE(plain_json)

BOOST_AUTO_TEST_CASE(numbers_are_as_people_write_them) {
    const json::object all{{"a", 2.0},
                           {"b", 0.0015},
                           {"c", -1e-9},
                           {"d", 1e21},
                           {"e", 0.1},
                           {"f", 7},
                           {"g", true},
                           {"h", nullptr},
                           {"i", json::array{1.5, json::object{}, "x\n\"y"}},
                           {"j", std::numeric_limits<double>::infinity()}};
    BOOST_TEST(io::plain_json(all) ==
               R"({"a":2,"b":0.0015,"c":-0.000000001,"d":1000000000000000000000,"e":0.1,"f":7,"g":true,)"
               R"("h":null,"i":[1.5,{},"x\n\"y"],"j":null})");
    BOOST_TEST(io::plain_json(std::numeric_limits<double>::denorm_min()).size() < 400u);
    BOOST_TEST(io::plain_json(std::numeric_limits<double>::lowest()).size() < 400u);
}

BOOST_AUTO_TEST_CASE(a_question_for_the_history) {
    const auto q = io::read_history_query({{"since", 1.5}, {"after", 3}, {"key", "alice"}, {"limit", 5}});
    BOOST_REQUIRE(q.has_value());
    BOOST_TEST((q->since == unix_time{1500ms} && q->after == 3 && q->key == "alice" && q->most == 5));
    BOOST_TEST((io::read_history_query({})->since == unix_time::min()));
    for (const json::object& bad : {json::object{{"since", "x"}},
                                    {{"since", 1e300}},
                                    {{"limit", 0}},
                                    {{"limit", 10'001}},
                                    {{"key", 1}}})
        BOOST_TEST(io::read_history_query(bad).has_error());
}

BOOST_AUTO_TEST_CASE(entries_for_programs_and_for_people) {
    using granting::history_entry;
    const auto who = *address::parse("192.0.2.1");
    const std::vector<granting::numbered_entry> newest_first{
        {2, {unix_time{1'700'000'010s}, history_entry::kind::refused, "", std::nullopt, "", "3 more"}},
        {1, {unix_time{1'700'000'000s}, history_entry::kind::granted, "alice", who, "ssh, web", "30s, 1m"}}};
    const auto o = io::history_json(newest_first);
    BOOST_TEST(io::plain_json(o) ==
               R"({"entries":[{"number":1,"when":1700000000,"what":"granted","key":"alice",)"
               R"("address":"192.0.2.1","services":["ssh","web"],"until":[1700000030,1700000060]},)"
               R"({"number":2,"when":1700000010,"what":"refused","key":"","address":"","services":[],)"
               R"("why":"3 more"}]})");
    BOOST_TEST(io::history_text(o).value() ==
               "2023-11-14 22:13:20  granted   alice  192.0.2.1  ssh until 2023-11-14 22:13:50, web until "
               "2023-11-14 22:14:20\n2023-11-14 22:13:30  refused   -  -: 3 more\n");
    BOOST_TEST(io::history_text({}).has_error());
    BOOST_TEST(io::status_text({}).has_error());
    BOOST_TEST(io::grants_text({{"live", 0}, {"list", json::array{}}}).value() == "no grant is live\n");
}

BOOST_AUTO_TEST_SUITE_END()
