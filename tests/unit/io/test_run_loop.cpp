#include "io/system/run_loop.hpp"

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>
#include <stdexcept>
#include <vector>

BOOST_AUTO_TEST_CASE(a_loop_outlives_what_its_handlers_throw_and_tells_it_once_a_minute) {
    boost::asio::io_context context;
    int done = 0;
    for (int i = 0; i < 3; ++i) {
        boost::asio::post(context, [i] { throw std::runtime_error("no luck " + std::to_string(i)); });
        boost::asio::post(context, [&] { ++done; });
    }
    std::vector<std::string> told;
    chronoknock::io::run_loop(context, [&](const std::string& line) { told.push_back(line); });
    BOOST_TEST(done == 3);
    BOOST_TEST(told ==
                   std::vector<std::string>{"going on after a failure that nothing provides for: no luck 0"},
               boost::test_tools::per_element());
}
