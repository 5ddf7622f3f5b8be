#include "key/psk.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using key::parse_psk;

namespace {

const std::string secret = "secret = 000102030405060708090a0b0c0d0e0f\n";

std::string complaint(const std::string& text) {
    const auto k = parse_psk(text);
    return k ? "accepted" : k.error().text;
}

} // namespace

BOOST_AUTO_TEST_CASE(defaults_are_those_of_the_manual) {
    const auto k = parse_psk(secret);
    BOOST_REQUIRE(k.has_value());
    BOOST_TEST(k->function() == "hmac-sha256");
    BOOST_TEST(k->granularity == 10u);
    BOOST_TEST(k->length == 16u);
    BOOST_TEST(k->ports.to_string() == "1024-65535");
    BOOST_TEST(!k->ignore_ip);
    BOOST_TEST(!k->ignore_time);
    BOOST_TEST(k->realm == "");
    BOOST_TEST(k->secret.size() == 16u);
}

BOOST_AUTO_TEST_CASE(plain_digest_gives_its_own_length) {
    BOOST_TEST(parse_psk("function = md5\n" + secret)->length == 8u);
    BOOST_TEST(parse_psk("function = sha512\n" + secret)->length == 32u);
    BOOST_TEST(parse_psk("length = 3\nfunction = sha512\n" + secret)->length == 3u);
    BOOST_TEST(complaint("length = 9\nfunction = md5\n" + secret) ==
               "line 1: length: expected a whole number from 2 to 8, not '9'");
}

BOOST_AUTO_TEST_CASE(every_wrong_field_is_named) {
    BOOST_TEST(complaint("") == "secret: expected, and missing");
    BOOST_TEST(complaint("secret = 00\n") ==
               "line 1: secret: expected at least 128 bits and at most 524288, not 8");
    BOOST_TEST(complaint("secret = zz\n") == "line 1: secret: expected an even number of hexadecimal digits");
    BOOST_TEST(complaint(secret + "granularity = 0\n") ==
               "line 2: granularity: expected a whole number from 1 to 86400, not '0'");
    BOOST_TEST(complaint(secret + "granularity = 86401\n").starts_with("line 2: granularity"));
    BOOST_TEST(complaint(secret + "length = 1\n") ==
               "line 2: length: expected a whole number from 2 to 64, not '1'");
    BOOST_TEST(complaint(secret + "length = 65\n").starts_with("line 2: length"));
    BOOST_TEST(complaint(secret + "ports = 5-1\n") ==
               "line 2: ports: port range: expected a whole number from 5 to 65535, not '1'");
    BOOST_TEST(complaint(secret + "ports =\n") ==
               "line 2: ports: expected at least one port or range of ports");
    BOOST_TEST(complaint(secret + "ignore = port\n") ==
               "line 2: ignore: expected ip, time or both, not 'port'");
    BOOST_TEST(complaint(secret + "colour = red\n")
                   .starts_with("line 2: colour: unknown field; expected method, function"));
    BOOST_TEST(complaint(secret + "[key]\n") == "line 2: expected no section in a key file");
    BOOST_TEST(complaint(secret + secret) == "line 2: field secret stands twice");
    BOOST_TEST(complaint(secret + "realm = " + std::string(256, 'r') + "\n").starts_with("line 2: realm"));
    BOOST_TEST(complaint(secret + "function = md5\nrealm = r\n") ==
               "realm: expected only with an hmac- function");
    // shake256 has no length of its own; there is no sha257
    for (const std::string wrong : {"shake256", "sha257", "hmac-", "", "hmac-shake128"})
        BOOST_TEST(complaint(secret + "function = " + wrong + "\n")
                       .starts_with("line 2: function: expected hmac-DIGEST"));
}

BOOST_AUTO_TEST_CASE(no_message_quotes_the_secret) {
    for (const auto& text :
         {"secret = 000102030405060708090a0b0c0d0eXX\n", "secret 000102030405060708090a0b0c0d0eXX\n",
          "000102030405060708090a0b0c0d0eXX\n"})
        BOOST_TEST(complaint(text).find("000102") == std::string::npos);
}
