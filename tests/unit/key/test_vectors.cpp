// Every known answer of vectors.json, by both the parsed key file and the deriver.
#include "base/text.hpp"
#include "key/deriver.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

using namespace chronoknock;

namespace {

std::string key_file(const boost::json::object& v) {
    std::ostringstream text;
    text << "function = " << v.at("function").as_string().c_str() << "\ngranularity = " << v.at("granularity")
         << "\nlength = " << v.at("length") << "\nports = " << v.at("ports").as_string().c_str() << '\n';
    if (const auto& realm = v.at("realm").as_string(); !realm.empty())
        text << "realm = " << realm.c_str() << '\n';
    const char* comma = "ignore = ";
    for (const auto& what : v.at("ignore").as_array()) {
        text << comma << what.as_string().c_str();
        comma = ",";
    }
    text << "\nsecret = " << v.at("secret").as_string().c_str() << '\n';
    return text.str();
}

} // namespace

BOOST_AUTO_TEST_CASE(every_vector) {
    std::ifstream file(CHRONOKNOCK_SOURCE_DIR "/tests/unit/key/vectors.json");
    std::stringstream text;
    text << file.rdbuf();
    const auto cases = boost::json::parse(text.str()).as_array();
    BOOST_TEST(cases.size() == 48u);
    for (const auto& value : cases) {
        const auto& v = value.as_object();
        const auto k = key::parse_psk(key_file(v));
        BOOST_REQUIRE_MESSAGE(k.has_value(), (k ? std::string() : k.error().text));
        BOOST_TEST((*key::parse_psk(key::to_text(*k)) == *k));
        key::deriver derive(*k);
        const auto t0 = key::window_of(v.at("time").as_int64(), k->granularity);
        const std::string service = v.at("service").as_string().c_str();
        std::vector<std::uint16_t> ports(k->length);
        derive.sequence(*address::parse(v.at("ip").as_string().c_str()), t0, service, ports);
        BOOST_TEST(ports == boost::json::value_to<std::vector<std::uint16_t>>(v.at("sequence")),
                   boost::test_tools::per_element());
        if (k->hmac) BOOST_TEST(derive.selector(t0, service) == ports.front());
    }
}

BOOST_AUTO_TEST_CASE(window_of_times) {
    BOOST_TEST(key::window_of(0, 10) == 0);
    BOOST_TEST(key::window_of(19, 10) == 10);
    BOOST_TEST(key::window_of(20, 10) == 20);
    BOOST_TEST(key::window_of(-1, 10) == -10);
}
