#include "config/import/fwknop.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using config::importing::imported;

namespace {

constexpr std::int64_t now = 1'800'000'000;
const std::string cipher = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const std::string mac = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8";
const std::string secrets = "KEY_BASE64 " + cipher + "=\nHMAC_KEY_BASE64: " + mac + "=;\n";

result<imported> read(std::string_view text) { return config::importing::read_fwknop(text, "a", now); }

std::string sections_of(const imported& i) { return i.configuration.substr(i.configuration.find("\n[")); }

using lines = std::vector<std::string>;

} // namespace

BOOST_AUTO_TEST_SUITE(import_fwknop)

BOOST_AUTO_TEST_CASE(a_stanza) {
    const auto made = read("# remark\nSOURCE ANY\nOPEN_PORTS  tcp/22, udp/1194,tcp/23\n" + secrets +
                           "FW_ACCESS_TIMEOUT 60;\nMAX_FW_TIMEOUT 3600\nHMAC_DIGEST_TYPE SHA512\n"
                           "RESTRICT_PORTS tcp/23\nREQUIRE_SOURCE_ADDRESS Y\nENABLE_CMD_EXEC N\n");
    BOOST_REQUIRE(made);
    BOOST_TEST(sections_of(*made) == "\n[service.ssh]\nports = tcp/22\nopen_for = 60s\nmax_open_for = 3600s\n"
                                     "\n[service.openvpn]\nports = udp/1194\nopen_for = 60s\n"
                                     "max_open_for = 3600s\n"
                                     "\n[key.fwknop-1]\nfile = keys/fwknop-1.key\nservices = ssh, openvpn\n");
    BOOST_TEST(made->keys.at(0).text == "method = fwknop\nkey_base64 = " + cipher +
                                            "\nhmac_key_base64 = " + mac + "\nhmac_digest = sha512\n");
    BOOST_TEST(made->notes == lines{}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_not_as_it_was_is_told) {
    const auto made = read("SOURCE 192.0.2.0/24\n" + secrets +
                           "REQUIRE_USERNAME bob\nENABLE_CMD_EXEC Y\nCMD_EXEC_USER nobody\n"
                           "FORCE_NAT 10.0.0.1 22\nCOLOUR red\nFW_ACCESS_TIMEOUT 0\n");
    BOOST_REQUIRE(made);
    BOOST_TEST(
        made->notes ==
            (lines{
                "a:1: OPEN_PORTS: there are none, and fwknopd opened whatever a client asked for; here it is "
                "tcp/22: more services take sections of their own",
                "a:9: FW_ACCESS_TIMEOUT: expected 1 to 2592000 seconds: 30s are taken (open_for)",
                "a:1: SOURCE: not carried over: packets count whatever address they come from, and go to",
                "a:4: REQUIRE_USERNAME: not carried over: whoever has the key gets in, whatever user name "
                "his client gives",
                "a:5: ENABLE_CMD_EXEC: not carried over: no knock runs a command",
                "a:6: CMD_EXEC_USER: not carried over: no knock runs a command",
                "a:7: FORCE_NAT: not carried over: no knock translates addresses",
                "a:8: COLOUR: not carried over: fwknopd(8) does not know it",
                "a:1: REQUIRE_SOURCE_ADDRESS: here it is as with Y, and packets open for the address they "
                "come from; clients that use -s, or -a for another one, take for_others = true"}),
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(passphrases_are_put_in_base64) {
    const auto made = read("SOURCE ANY\nKEY sixteen letters.\nHMAC_KEY and another sixteen\n");
    BOOST_REQUIRE(made);
    BOOST_TEST(made->keys.at(0).text ==
               "method = fwknop\nkey_base64 = c2l4dGVlbiBsZXR0ZXJzLg\nhmac_key_base64 = "
               "YW5kIGFub3RoZXIgc2l4dGVlbg\n");
}

BOOST_AUTO_TEST_CASE(stanzas_that_cannot_be_carried_over) {
    for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
             {"SOURCE ANY\nGPG_DECRYPT_ID A\nGPG_DECRYPT_PW b\n", "GnuPG is not used"},
             {"SOURCE ANY\nKEY_BASE64 __CHANGEME__\nHMAC_KEY_BASE64 __CHANGEME__\n",
              "KEY_BASE64: expected 16 to 128 bytes in base64"},
             {"SOURCE ANY\nKEY short\n", "KEY: expected 16 to 128 bytes"},
             {"SOURCE ANY\nKEY_BASE64 " + cipher + "\n", "HMAC_KEY_BASE64: expected, and missing"},
             {"SOURCE ANY\n" + secrets + "HMAC_DIGEST_TYPE SHA3_256\n",
              "HMAC_DIGEST_TYPE: expected MD5, SHA1, SHA256, SHA384 or SHA512"},
             {"SOURCE ANY\n" + secrets + "ENCRYPTION_MODE legacy\n", "ENCRYPTION_MODE: expected CBC"},
             {"SOURCE ANY\n" + secrets + "ACCESS_EXPIRE 01/15/2027\n", "it has expired"},
             {"SOURCE ANY\n" + secrets + "ACCESS_EXPIRE_EPOCH 1800000000\n", "it has expired"},
             {"SOURCE ANY\n" + secrets + "ACCESS_EXPIRE 12/31/2201\n",
              "ACCESS_EXPIRE: expected MM/DD/YYYY, up to the year 2200"},
             {"SOURCE ANY\n" + secrets + "ACCESS_EXPIRE_EPOCH soon\n",
              "ACCESS_EXPIRE_EPOCH: expected seconds since 1970, up to the year 2200"},
             {"SOURCE ANY\n" + secrets + "RESTRICT_PORTS tcp/22\n", "it opens no port"},
         }) {
        const auto made = read(text);
        BOOST_REQUIRE(!made);
        BOOST_TEST(made.error().text ==
                   "a: nothing of it can be carried over; a:1: SOURCE: the stanza is not carried over: " +
                       why);
        // One that cannot does not keep others from being carried over.
        const auto beside =
            read(text + "SOURCE ANY\nOPEN_PORTS udp/1\nKEY sixteen letters!\nHMAC_KEY " + cipher);
        BOOST_REQUIRE(beside);
        BOOST_TEST(beside->keys.size() == 1u);
        BOOST_TEST(beside->keys[0].name == "keys/fwknop-2.key");
    }
}

BOOST_AUTO_TEST_CASE(stanzas_of_one_key_are_one_key) {
    const auto made =
        read("SOURCE 192.0.2.1\nOPEN_PORTS tcp/22\n" + secrets + "SOURCE ANY\nOPEN_PORTS tcp/80\n" + secrets);
    BOOST_REQUIRE(made);
    BOOST_TEST(made->keys.size() == 1u);
    BOOST_TEST(sections_of(*made).find("services = ssh, http\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_expires_is_good_until_then) {
    const auto made = read("SOURCE ANY\n" + secrets + "ACCESS_EXPIRE 12/31/2199\nREQUIRE_SOURCE Y\n");
    BOOST_REQUIRE(made);
    BOOST_TEST(made->configuration.ends_with("services = ssh\nuntil = 2199-12-31 00:00:00\n"));
    BOOST_TEST(made->notes.size() == 1u); // there are no OPEN_PORTS
    const auto sooner =
        read("SOURCE ANY\n" + secrets + "ACCESS_EXPIRE 12/31/2199\n" + "ACCESS_EXPIRE_EPOCH 1800000001\n");
    BOOST_REQUIRE(sooner);
    BOOST_TEST(sooner->configuration.ends_with("until = 2027-01-15 08:00:01\n"));
    // With one secret the later stanza would be good for ever.
    const auto both = read("SOURCE ANY\nOPEN_PORTS tcp/22\n" + secrets + "SOURCE ANY\nOPEN_PORTS tcp/80\n" +
                           secrets + "ACCESS_EXPIRE 12/31/2199\n");
    BOOST_REQUIRE(both);
    BOOST_TEST(both->configuration.find("http") == std::string::npos);
    BOOST_TEST(both->notes.back() ==
               "a:5: SOURCE: not carried over: the same secret as [key.fwknop-1], which is "
               "good for another time, and a key has one section");
}

BOOST_AUTO_TEST_CASE(no_message_tells_a_secret) {
    const auto made =
        read("KEY hidden-one\nSOURCE hidden\nKEY_BASE64 hidden-two!\nSOURCE ANY\nKEY hidden-three\n");
    BOOST_REQUIRE(!made);
    BOOST_TEST(made.error().text.find("hidden") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
