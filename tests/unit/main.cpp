#define BOOST_TEST_MODULE chronoknock
#include <boost/test/unit_test.hpp>
