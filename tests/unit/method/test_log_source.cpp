// Which methods can be had from a firewall's log, and what is said of the others.
#include "config/server.hpp"
#include "method/method.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace chronoknock;

namespace {

const std::string secret = "secret = 000102030405060708090a0b0c0d0e0f\n";

/// What is wrong with a key beside [capture] log; empty: nothing.
std::string complaint(const std::string& key_file) {
    const auto server =
        config::parse_server("[capture]\nlog = /var/log/knocks\n"
                             "[service.ssh]\nports = tcp/22\n"
                             "[key.alice]\nfile = /k\nservices = ssh\nallow_weak = true\n",
                             "/c.ini", [&](const std::string&) { return method::read_key(key_file); });
    if (!server) return server.error().text;
    const auto fits = method::check(*server);
    return fits ? "" : fits.error().text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(log_source)

BOOST_AUTO_TEST_CASE(ports_alone_are_in_a_log) {
    BOOST_TEST(complaint(secret) == "");
    BOOST_TEST(complaint("method = static\nsequence = 7000, udp/8000\n") == "");
    BOOST_TEST(complaint("method = sealed\ncarrier = ports\n" + secret) == "");
}

BOOST_AUTO_TEST_CASE(messages_and_answers_are_not) {
    for (const auto& file : std::vector<std::string>{
             "method = sealed\ncarrier = udp\n" + secret, "method = sealed\ncarrier = icmp\n" + secret,
             "method = sealed\ncarrier = dns\nzone = knock.example\n" + secret,
             "method = challenge\n" + secret,
             "method = fwknop\nkey_base64 = AAECAwQFBgcICQoLDA0ODw==\n"
             "hmac_key_base64 = AAECAwQFBgcICQoLDA0ODw==\n",
             "method = otp\nseed = abc\nverifier = 100:0011223344556677\nissued = 1\n"}) {
        const auto text = complaint(file);
        BOOST_TEST(text.find("[key.alice]") != text.npos, file << text);
        BOOST_TEST(text.find("log") != text.npos, file << text);
    }
}

BOOST_AUTO_TEST_SUITE_END()
