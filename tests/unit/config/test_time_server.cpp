#include "config/server.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <string_view>

using namespace chronoknock;

BOOST_AUTO_TEST_CASE(time_server) {
    const auto text = [](std::string_view from) {
        const auto t = config::time_server::parse(from);
        return t ? t->host + " " + std::to_string(t->port) + (t->nts ? " nts" : "") + (t->pool ? " pool" : "")
                 : t.error().text;
    };
    BOOST_TEST(text("ntp.example") == "ntp.example 123");
    BOOST_TEST(text("ntp.example:1") == "ntp.example 1");
    BOOST_TEST(text("nts://ntp.example") == "ntp.example 4460 nts");
    BOOST_TEST(text("nts://[2001:db8::1]:4461") == "2001:db8::1 4461 nts");
    BOOST_TEST(text("pool:pool.example") == "pool.example 123 pool");
    BOOST_TEST(text("pool:pool.example:1") == "pool.example 1 pool");
    BOOST_TEST(text("pool") == "pool 123");
    BOOST_TEST(text("nts://2001:db8::1") == "2001:db8::1 4460 nts");
    for (const std::string wrong : {"",
                                    "none",
                                    "a:",
                                    "a:0",
                                    "a:65536",
                                    "a:b",
                                    "a:1:2",
                                    "a b",
                                    "-a",
                                    ".a",
                                    "a..b",
                                    "[::1",
                                    "[]",
                                    "[::1]x",
                                    "[::1]:",
                                    "[192.0.2.1]",
                                    "[a]:1",
                                    "http://a",
                                    "nts://",
                                    "a/b",
                                    "pool:",
                                    "pool:192.0.2.1",
                                    "pool:[::1]:123",
                                    "pool:nts://a"})
        BOOST_TEST(text(wrong) ==
                   "expected HOST[:PORT] or nts://HOST[:PORT] or pool:NAME[:PORT], not '" + wrong + "'");
    BOOST_TEST(text(std::string(254, 'a')).starts_with("expected HOST"));
    for (const std::string same :
         {"a", "a:1", "nts://a", "nts://[::1]:1", "::1", "[::1]:1", "pool:a", "pool:a:1"})
        BOOST_TEST(config::time_server::parse(same)->to_string() == same);
}
