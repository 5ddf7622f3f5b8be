// One-time passwords: key files, known answers, and what keygen makes.
#include "otp_lab.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <sstream>

using namespace chronoknock;
using namespace chronoknock::otp;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(otp_known_answers_through_the_key_file) {
    std::ifstream file(CHRONOKNOCK_SOURCE_DIR "/tests/unit/method/method_vectors.json");
    std::stringstream text;
    text << file.rdbuf();
    const auto all = boost::json::parse(text.str()).as_object().at("otp").as_array();
    BOOST_TEST(all.size() == 8u);
    for (const auto& value : all) {
        const auto& v = value.as_object();
        const auto field = [&](const char* name) { return std::string(v.at(name).as_string().c_str()); };
        const auto k = method::read_key("method = otp\nfunction = otp-" + field("function") +
                                        "\nseed = " + field("seed") +
                                        "\npassphrase = " + field("passphrase") + "\ncount = 1000\n");
        BOOST_REQUIRE_MESSAGE(k.has_value(), (k ? "" : k.error().text));
        method::knock_request r;
        r.at = v.at("count").as_int64();
        const auto plan = method::method_of(**k).plan(**k, r);
        BOOST_REQUIRE(plan.has_value());
        BOOST_TEST(plan->text == field("words"));
        const auto& sent = plan->shots.front().payload;
        BOOST_TEST(std::string(sent.begin(), sent.end()) == field("words"));
        BOOST_TEST(key::otp_hex(*key::parse_otp_words(plan->text)) == field("value"));
    }
}

BOOST_AUTO_TEST_CASE(otp_key_files) {
    const auto c =
        method::read_key(client_file(100, "carrier = dns, udp\nzone = Knock.Example.org.\nports = 5000\n"));
    BOOST_REQUIRE_MESSAGE(c.has_value(), (c ? "" : c.error().text));
    BOOST_TEST((*c)->can_knock());
    BOOST_TEST((*c)->numbered());
    BOOST_TEST((*c)->number_after({}) == 99);
    BOOST_TEST((*c)->number_after(99) == 98);
    BOOST_TEST((*c)->number_after(150) == 99); // the file says less
    BOOST_TEST((*c)->number_after(0) == -1);
    BOOST_TEST((*(*c)->numbers_left(19)) == 19);
    method::knock_request r;
    r.at = 1;
    const auto& row = method::method_of(**c);
    const auto by_dns = row.plan(**c, r);
    BOOST_REQUIRE(by_dns.has_value());
    BOOST_TEST(by_dns->text == "CART OTTO HIVE ODE VAT NUT");
    BOOST_TEST(packet::dns_question(by_dns->shots.front().payload)->view() ==
               "cart_otto_hive_ode_vat_nut.knock.example.org");
    BOOST_TEST(by_dns->shots.front().port == 53);
    r.carrier = key::carrier::udp;
    BOOST_TEST(row.plan(**c, r)->shots.front().port == 5000);
    r.at = -1;
    BOOST_TEST(row.plan(**c, r).error().text.starts_with("the one-time passwords are used up"));

    const auto s = method::read_key(server_file(100, "lookahead = 8\n"));
    BOOST_REQUIRE_MESSAGE(s.has_value(), (s ? "" : s.error().text));
    BOOST_TEST(!(*s)->can_knock());
    BOOST_TEST((*s)->fingerprint() != (*c)->fingerprint());
    // What only says when it was issued makes no other key: its record stands.
    BOOST_TEST((*method::read_key(server_file(100)))->fingerprint() == (*s)->fingerprint());
    BOOST_TEST((*method::read_key(server_file(99)))->fingerprint() != (*s)->fingerprint());
    config::key_settings settings;
    settings.key = *s;
    BOOST_TEST(row.security_bits(settings, {}) == 61.0);
    BOOST_TEST(*row.left(settings, std::nullopt) == 100);
    BOOST_TEST(*row.left(settings, 0) == 99);
    const packet::capture_wish expected{
        .datagrams = {{*port_set::parse("1024-65535"), {11, 128}, packet::content::ascii}}};
    BOOST_TEST((row.wants(settings) == expected));
}

BOOST_AUTO_TEST_CASE(otp_key_files_that_are_refused) {
    for (const auto& [text, expected] :
         {std::pair<std::string, std::string>{client_file(0),
                                              "line 4: count: expected a whole number from 1"},
          {client_file(1, "length = 3\n"), "line 5: length: unknown field"},
          {client_file(1, "lookahead = 3\n"), "line 4: count: expected in the client's file only"},
          {client_file(1, "carrier = icmp\n"), "line 5: carrier: expected udp or dns"},
          {client_file(1, "carrier = dns\n"), "zone: expected, and missing"},
          {client_file(1, "zone = " + std::string(230, 'z')), "line 5: zone: expected a name"},
          {"method = otp\nseed = x\npassphrase = too short\ncount = 1\n",
           "line 3: passphrase: expected 10 to 255"},
          {"method = otp\nseed = with blank\n", "line 2: seed: expected 1 to 16 letters and digits"},
          {"method = otp\npassphrase = long enough\ncount = 1\n", "seed: expected, and missing"},
          {"method = otp\nseed = x\n", "passphrase: expected, and missing"},
          {"method = otp\nseed = x\nissued = 1\n", "verifier: expected, and missing"},
          {"method = otp\nseed = x\nverifier = 5:00112233445566\nissued = 1\n",
           "line 3: verifier: expected COUNT:HEX"},
          {"method = otp\nseed = x\nverifier = 0:0011223344556677\nissued = 1\n",
           "line 3: verifier: expected COUNT:HEX"},
          {"method = otp\nseed = x\nverifier = 5:0011223344556677\n", "issued: expected, and missing"},
          {server_file(5, "lookahead = 0\n"), "line 6: lookahead: expected a whole number from 1 to 16"},
          {"method = otp\nfunction = sha1\n", "line 2: function: expected otp-sha1 or otp-md5"}}) {
        BOOST_TEST(complaint(text).starts_with(expected), complaint(text));
        BOOST_TEST(complaint(text).find("long enough") == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(otp_keys_that_keygen_makes) {
    std::vector<std::uint8_t> random(8192);
    std::iota(random.begin(), random.end(), std::uint8_t{0});
    const auto* row = &*std::ranges::find(method::methods(), "otp", &method::row::name);
    const std::vector<ini_field> fields = {{"count", "50"},
                                           {"lookahead", "2"},
                                           {"function", "otp-md5"},
                                           {"carrier", "dns"},
                                           {"zone", "k.example"}};
    const auto files = row->generate(fields, random, issued);
    BOOST_REQUIRE_MESSAGE(files.has_value(), (files ? "" : files.error().text));
    const auto c = method::read_key(files->client);
    const auto s = method::read_key(files->server);
    BOOST_REQUIRE_MESSAGE(c.has_value(), (c ? "" : c.error().text));
    BOOST_REQUIRE_MESSAGE(s.has_value(), (s ? "" : s.error().text));
    BOOST_TEST(files->server.find("passphrase") == std::string::npos);
    const auto& server = *static_cast<const otp::credential&>(**s).server();
    BOOST_TEST(server.count == 50u);
    BOOST_TEST(server.lookahead == 2u);
    BOOST_TEST(server.issued == issued);
    method::knock_request r;
    r.at = 49;
    const auto first = *key::parse_otp_words(row->plan(**c, r)->text);
    BOOST_TEST((key::otp_hash(key::otp_function::md5).next(first) == server.value));
    const std::vector<ini_field> wrong = {{"verifier", "1:0011223344556677"}};
    BOOST_TEST(!row->generate(wrong, random, issued).has_value());
    const std::vector<ini_field> too_many = {{"lookahead", "65"}};
    BOOST_TEST(
        row->generate(too_many, random, issued).error().text.starts_with("line 0: lookahead: expected"));
}
