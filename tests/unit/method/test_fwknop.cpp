#include "fwknop_lab.hpp"

#include "base/text.hpp"

#include <algorithm>

using namespace chronoknock;
using namespace std::chrono_literals;
using fwknop::lab;

namespace {

/// By Debian's fwknop 2.6.10, as root: --test -A tcp/22 -a 10.0.0.1 --use-hmac -f 60, the keys being
/// lab::key(0).
constexpr std::string_view theirs =
    "8ayd8x7J6IA5oD80owXoouPYaX3dgI5UbLbNYKJeHODCiozWLt3FnlsTrH2gpBrtKCNUlqlOD3eBCvwP+"
    "hDSJeO8yOpl25dXb1jRbxVTnaCEhLSA"
    "3VbnebhXxVKMOHmCP5nTbOYsBM+9lWye4lQFnQVRsWwveb+ZI4GiuAAr29+5GbfAIzW+CagNNwpT6T/Mz0x4hmmIXTWk";
/// What it says itself that this is.
constexpr std::string_view their_text = "1126845583991380:cm9vdA:1795884717:3.0.0:3:MTAuMC4wLjEsdGNwLzIy:60:"
                                        "zQt2db4IGyeyYixtGiHDSjv9Hj9m4RZad4qR7f2kYqI";

std::string complaint(std::string_view text) {
    const auto k = method::read_key(text);
    return k ? "accepted" : k.error().text;
}

/// A message's fields, to be spoilt.
std::vector<std::string> fields() {
    return {"0123456789012345", "a25vY2s", "1795884717", "3.0.0", "1", "MTAuMC4wLjEsdGNwLzIy"};
}
std::string joined(const std::vector<std::string>& all) {
    std::string text;
    for (const auto& f : all) text += (text.empty() ? "" : ":") + f;
    return text;
}
std::string encoded(std::string_view text) {
    return key::to_base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

} // namespace

BOOST_AUTO_TEST_CASE(key_file_of_fwknop) {
    const auto k = method::read_key(lab::file(0));
    BOOST_REQUIRE_MESSAGE(k.has_value(), k.error().text);
    BOOST_TEST((*k)->method() == "fwknop");
    BOOST_TEST((*k)->always_fresh());
    BOOST_TEST((*k)->asks_for_ports());
    BOOST_TEST((*k)->granularity() == 240u);
    const auto& held = static_cast<const fwknop::credential&>(**k).held();
    BOOST_TEST(held.hmac_digest == "sha256");
    BOOST_TEST(held.port == 62201);
    BOOST_TEST(held.cipher.size() == 32u);
    BOOST_TEST(held.hmac.size() == 64u);
    // As fwknop's own generator writes it, padded; the same key.
    const auto padded =
        method::read_key("method = fwknop\nkey_base64 = " + lab::base64(0, 32) +
                         "=\nhmac_key_base64 = " + lab::base64(0, 64) + "==\nport = 1\nhmac_digest = md5\n");
    BOOST_REQUIRE_MESSAGE(padded.has_value(), padded.error().text);
    BOOST_TEST((*padded)->fingerprint() == (*k)->fingerprint());
    BOOST_TEST((*k)->fingerprint() != (*method::read_key(lab::file(1)))->fingerprint());
}

BOOST_AUTO_TEST_CASE(unfit_key_file_of_fwknop_is_named_and_not_quoted) {
    const auto short_key = "method = fwknop\nkey_base64 = " + lab::base64(0, 15) + "\n";
    BOOST_TEST(complaint(short_key) == "line 2: key_base64: expected 16 to 128 bytes in base64");
    BOOST_TEST(complaint("method = fwknop\nhmac_key_base64 = " + lab::base64(0, 129)) ==
               "line 2: hmac_key_base64: expected 16 to 128 bytes in base64");
    BOOST_TEST(complaint("method = fwknop\nkey_base64 = no base64!\n") ==
               "line 2: key_base64: expected 16 to 128 bytes in base64");
    BOOST_TEST(complaint("method = fwknop\nkey_base64 = " + lab::base64(0, 32)) ==
               "hmac_key_base64: expected, and missing");
    BOOST_TEST(complaint("method = fwknop\n") == "key_base64: expected, and missing");
    BOOST_TEST(complaint(lab::file(0, "hmac_digest = sha3-256\n")) ==
               "line 4: hmac_digest: expected md5, sha1, sha256, sha384 or sha512, not 'sha3-256'");
    BOOST_TEST(complaint(lab::file(0, "port = 0\n")).starts_with("line 4: port: "));
    BOOST_TEST(
        complaint(lab::file(0, "realm = x\n")) ==
        "line 4: realm: unknown field; expected method, key_base64, hmac_key_base64, hmac_digest or port");
}

BOOST_FIXTURE_TEST_CASE(packet_of_fwknop_is_read, lab) {
    key(0);
    auto v = make();
    const auto claims = send(v, theirs, 7);
    BOOST_REQUIRE(claims.size() == 1u);
    const auto& c = claims[0];
    BOOST_TEST(c.unfit == "");
    BOOST_TEST(c.key == 0u);
    BOOST_TEST((c.source == who && c.beneficiary == who));
    BOOST_TEST((c.services == std::vector<std::uint32_t>{0}));
    BOOST_TEST((c.open_for == nanoseconds(60s)));
    BOOST_TEST((c.first == at(7)));
    BOOST_TEST(c.once.key == server.keys[0].key->fingerprint());
    BOOST_TEST(c.once.place == 1795884717);
    BOOST_TEST(c.once.slack == 240);
    BOOST_TEST(!c.once.reusable);
    BOOST_TEST((c.once.good->begin == unix_time(seconds(1795884717 - 120))));
    BOOST_TEST((c.once.good->end == unix_time(seconds(1795884717 + 120)) + 1ns));
    BOOST_TEST(c.description == "packet of " + utc(1795884717));
    // What is burnt is a digest of the text, whatever salt it comes with.
    const auto again = send(v, seal_text(their_text), 8);
    BOOST_REQUIRE(again.size() == 1u);
    BOOST_TEST(again[0].once.identity == c.once.identity);
    BOOST_TEST(c.once.identity.size() == 64u);
}

BOOST_AUTO_TEST_CASE(text_of_fwknop_is_read_and_written) {
    const auto found = fwknop::read_fields(their_text);
    BOOST_REQUIRE(found.has_value());
    const auto m = fwknop::read_message(*found);
    BOOST_REQUIRE_MESSAGE(m.accepted.has_value(), m.refused.why);
    BOOST_TEST(m.accepted->user == "root");
    BOOST_TEST(m.accepted->random == "1126845583991380");
    BOOST_TEST((m.accepted->open_for == 60s));
    BOOST_TEST(fwknop::to_text(*m.accepted) == their_text);
}

BOOST_FIXTURE_TEST_CASE(message_comes_back_as_it_was_written, lab) {
    for (auto m : {asking(), asking("tcp/22,udp/53,tcp/65535")}) {
        for (const auto duration :
             {std::optional<seconds>(), std::optional(seconds(1)), std::optional(seconds(86400))}) {
            m.open_for = duration;
            const auto text = fwknop::to_text(m);
            const auto all = fwknop::read_fields(text);
            BOOST_REQUIRE(all.has_value());
            const auto again = fwknop::read_message(*all);
            BOOST_REQUIRE(again.accepted.has_value());
            BOOST_TEST((*again.accepted == m));
        }
    }
}

BOOST_FIXTURE_TEST_CASE(every_digest_that_fwknop_knows, lab) {
    for (const auto* digest : {"md5", "sha1", "sha256", "sha384", "sha512"})
        key(static_cast<std::uint8_t>(server.keys.size()), "hmac_digest = " + std::string(digest) + "\n");
    auto v = make();
    for (std::size_t k = 0; k < server.keys.size(); ++k) {
        const auto claims = send(v, seal_text(to_text(asking()), k));
        BOOST_REQUIRE(claims.size() == 1u);
        BOOST_TEST(claims[0].key == k);
    }
    // The text's own digest is another matter.
    const auto text = joined(fields());
    for (const auto* digest : {"md5", "sha1", "sha256", "sha384", "sha512"}) {
        key::digest d(digest);
        std::vector<std::uint8_t> hash(d.size());
        d({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, hash.data());
        BOOST_TEST(outcome(v, seal_text(text + ":" + key::to_base64(hash))) == "granted");
    }
}

BOOST_FIXTURE_TEST_CASE(changed_or_cut_packet_is_nothing, lab) {
    key(0);
    auto v = make();
    const std::string good(theirs);
    for (std::size_t i = 0; i < good.size(); ++i) {
        BOOST_TEST(outcome(v, good.substr(0, i)) == "nothing");
        BOOST_TEST(outcome(v, good.substr(i + 1)) == "nothing");
        for (int bit = 0; bit < 8; ++bit) {
            auto bad = good;
            bad[i] = static_cast<char>(bad[i] ^ 1 << bit);
            BOOST_TEST(outcome(v, bad) == "nothing");
        }
    }
    // The spare bits of the last digit of each part: the same bytes, another text.
    auto spare = good;
    spare.back() = spare.back() + 1; // k: 100100, and so l
    BOOST_TEST(outcome(v, spare) == "nothing");
    spare = good;
    const auto last = good.size() - 44;
    for (const char c : std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")) {
        spare[last] = c;
        BOOST_TEST(outcome(v, spare) == (c == good[last] ? "granted" : "nothing"));
    }
    BOOST_TEST(outcome(v, good + "=") == "nothing");
    BOOST_TEST(outcome(v, good + "\n") == "nothing");
    BOOST_TEST(outcome(v, "U2FsdGVkX1" + good) == "nothing");
    BOOST_TEST(outcome(v, std::string(good.size(), '8')) == "nothing");
    BOOST_TEST(send(v, good, 1, 62202).empty());
}

BOOST_FIXTURE_TEST_CASE(only_a_key_of_its_own_opens_a_packet, lab) {
    key(1);
    key(0, "port = 1000\n");
    auto v = make();
    BOOST_TEST(outcome(v, theirs) == "nothing"); // at the other key's port
    BOOST_TEST(send(v, theirs, 1, 1000).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(text_with_a_wrong_digest_is_refused, lab) {
    key(0);
    auto v = make();
    const std::string why = "it cannot be decrypted with the key_base64 of its key";
    std::string text(their_text);
    text[3] ^= 1;
    BOOST_TEST(outcome(v, seal_text(text)) == why);
    for (std::size_t size = 1; size < their_text.size(); ++size)
        BOOST_TEST(outcome(v, seal_text(their_text.substr(0, size))) == why);
    BOOST_TEST(outcome(v, seal_text("")) == why);
    BOOST_TEST(outcome(v, seal_text(":")) == why);
    BOOST_TEST(outcome(v, seal_text(std::string(600, ':'))) == why);
}

BOOST_FIXTURE_TEST_CASE(keys_with_one_hmac_key_are_told_apart_by_the_other, lab) {
    key(1);
    auto text = lab::file(0);
    text.replace(text.find(base64(0, 64)), base64(0, 64).size(), base64(1, 64));
    server.keys.push_back(server.keys[0]);
    server.keys[1].key = *method::read_key(text);
    auto v = make();
    const auto claims = send(v, seal_text(to_text(asking()), 1));
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST(claims[0].unfit == "");
    BOOST_TEST(claims[0].key == 1u);
}

BOOST_FIXTURE_TEST_CASE(fields_of_another_form_are_refused, lab) {
    key(0);
    auto v = make();
    BOOST_TEST(outcome(v, seal_fields(joined(fields()))) == "granted");
    const std::string form = "a message of another form than fwknop's format 3";
    const std::string asked = "expected an IPv4 address and ports like tcp/22 in it";
    const auto with = [&](std::size_t n, const std::string& value) {
        auto all = fields();
        all[n] = value;
        return outcome(v, seal_fields(joined(all)));
    };
    for (const auto* random : {"", "012345678901234", "01234567890123456", "012345678901234x"})
        BOOST_TEST(with(0, random) == form);
    for (const auto* user : {"", "!", "a25vY2t", "cm9vdA=a"}) BOOST_TEST(with(1, user) == form, user);
    BOOST_TEST(with(1, encoded(std::string(65, 'u'))) == form);
    BOOST_TEST(with(1, encoded(std::string(64, 'u'))) == "granted");
    for (const auto* time : {"", "-1", "+1", " 1", "1.5", "9000000001", "99999999999999999999", "0x10"})
        BOOST_TEST(with(2, time) == form, time);
    BOOST_TEST(with(2, "9000000000") == "granted"); // the replay guard has its own opinion of that
    for (const auto* version : {"", "2.0.2", "4.0.0", "3", "3.0.0.0.0", "3.0.x"})
        BOOST_TEST(with(3, version) == form);
    for (const auto* type : {"", "x", "-1", "100", "1 "}) BOOST_TEST(with(4, type) == form);
    BOOST_TEST(with(4, "7") == "a message of a type that is not known");
    BOOST_TEST(with(4, "0") == "it asks for a command to be run, which is never done");
    for (const auto* type : {"2", "4", "5", "6"})
        BOOST_TEST(with(4, type) == "it asks for a translation of addresses, which is never made");
    BOOST_TEST(with(4, "3") == form); // and says no duration
    for (const auto* access :
         {"", "10.0.0.1", "10.0.0.1,", "10.0.0.1,tcp/0", "10.0.0.1,none/0", "10.0.0.1,tcp/22,",
          "10.0.0.1,icmp/1", "10.0.0.256,tcp/22", "::1,tcp/22", "::ffff:10.0.0.1,tcp/22x", "tcp/22",
          "10.0.0.1;tcp/22", "10.0.0.1,tcp/22-23", "10.0.0.1,tcp/22\n"})
        BOOST_TEST(with(5, encoded(access)) == asked, access);
    BOOST_TEST(with(5, encoded("10.0.0.1,tcp/22" + std::string(300, ' '))) == asked);
    BOOST_TEST(outcome(v, seal_fields(joined(fields()) + ":60")) == form); // of type 1
    auto timed = fields();
    timed[4] = "3";
    for (const auto* duration : {"", "-1", "x", "315360001"})
        BOOST_TEST(outcome(v, seal_fields(joined(timed) + ":" + duration)) ==
                   "expected a duration in seconds in it");
    BOOST_TEST(outcome(v, seal_fields(joined(timed) + ":60:1")) == form);
    BOOST_TEST(outcome(v, seal_fields("1:2:3:4:5")) == form);
    BOOST_TEST(outcome(v, seal_fields(std::string(40, ':'))) == form);
    const auto none = send(v, seal_fields(joined(timed) + ":0"));
    BOOST_REQUIRE(none.size() == 1u);
    BOOST_TEST(!none[0].open_for.has_value()); // as the service says
}

BOOST_FIXTURE_TEST_CASE(refused_packet_earns_nothing_and_says_its_time, lab) {
    key(0);
    auto v = make();
    auto all = fields();
    all[4] = "0";
    const auto claims = send(v, seal_fields(joined(all)));
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST(claims[0].services.empty());
    BOOST_TEST(claims[0].description == "packet of " + utc(1795884717));
}

BOOST_FIXTURE_TEST_CASE(another_address_takes_for_others, lab) {
    key(0);
    key(1, "", true);
    auto v = make();
    auto m = asking();
    m.who = *address::parse("192.0.2.9");
    BOOST_TEST(outcome(v, seal_text(to_text(m))) ==
               "it is for another address than it came from: that takes for_others");
    auto claims = send(v, seal_text(to_text(m), 1));
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST((claims[0].beneficiary == m.who && claims[0].source == who));
    m.who = address();
    BOOST_TEST(outcome(v, seal_text(to_text(m))) == "it names no address to open for: that takes for_others");
    claims = send(v, seal_text(to_text(m), 1));
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST((claims[0].unfit.empty() && claims[0].beneficiary == who));
    // From an IPv6 address too, which the message has no room for.
    who = *address::parse("2001:db8::1");
    claims = send(v, seal_text(to_text(m), 1));
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST((claims[0].unfit.empty() && claims[0].beneficiary == who));
}

BOOST_FIXTURE_TEST_CASE(a_pair_is_of_both_families, lab) {
    key(0);
    server.keys.back().pair = true;
    auto v = make();
    const auto m = asking();
    const auto v4 = m.who;
    BOOST_TEST((send(v, seal_text(to_text(m))).at(0).paired == std::nullopt)); // from there itself
    who = *address::parse("2001:db8::1");
    auto c = send(v, seal_text(to_text(m))).at(0);
    BOOST_TEST(c.unfit == "");
    BOOST_TEST((c.beneficiary == who && c.paired == v4));
    auto unnamed = m;
    unnamed.who = address();
    BOOST_TEST(outcome(v, seal_text(to_text(unnamed))) ==
               "it names no address to open for: that takes for_others");
    who = *address::parse("192.0.2.200");
    BOOST_TEST(outcome(v, seal_text(to_text(m))) ==
               "it is for another address than it came from: that takes for_others");
}

BOOST_FIXTURE_TEST_CASE(opens_the_services_of_its_key_that_have_a_port_asked_for, lab) {
    key(0);
    auto v = make();
    const auto opened = [&](std::string_view ports) {
        const auto claims = send(v, seal_text(to_text(asking(ports))));
        return claims.size() == 1 && claims[0].unfit.empty() ? claims[0].services
                                                             : std::vector<std::uint32_t>{99};
    };
    BOOST_TEST((opened("tcp/22") == std::vector<std::uint32_t>{0}));
    BOOST_TEST((opened("tcp/8005") == std::vector<std::uint32_t>{1}));
    BOOST_TEST((opened("udp/443,tcp/1") == std::vector<std::uint32_t>{1}));
    BOOST_TEST((opened("tcp/8010,tcp/22") == std::vector<std::uint32_t>{0, 1}));
    for (const auto* ports : {"udp/22", "tcp/23", "tcp/443", "tcp/8011"})
        BOOST_TEST(outcome(v, seal_text(to_text(asking(ports)))) ==
                   "none of its services has a port that it asks for");
}

BOOST_FIXTURE_TEST_CASE(plan_is_a_packet_that_the_verifier_takes, lab) {
    key(3, "hmac_digest = sha512\nport = 1234\n");
    std::vector<std::uint8_t> random(32);
    std::iota(random.begin(), random.end(), std::uint8_t{200});
    method::knock_request r{.source = who, .at = epoch, .service = "tcp/22,udp/443", .random = random};
    r.open_for = 90500ms;
    const auto plan = method::method_of(*server.keys[0].key).plan(*server.keys[0].key, r);
    BOOST_REQUIRE_MESSAGE(plan.has_value(), plan.error().text);
    BOOST_REQUIRE(plan->shots.size() == 1u);
    const auto& shot = plan->shots[0];
    BOOST_TEST((shot.kind == packet::kind::datagram));
    BOOST_TEST(shot.port == 1234);
    BOOST_TEST((parse_hex(plan->text).value() == shot.payload));
    auto v = make();
    const auto claims =
        send(v, {reinterpret_cast<const char*>(shot.payload.data()), shot.payload.size()}, 1, 1234);
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST(claims[0].unfit == "");
    BOOST_TEST((claims[0].services == std::vector<std::uint32_t>{0, 1}));
    BOOST_TEST((claims[0].open_for == nanoseconds(91s)));
    BOOST_TEST(claims[0].once.place == epoch);

    r.service = "";
    BOOST_TEST(method::method_of(*server.keys[0].key).plan(*server.keys[0].key, r).has_error());
    r.service = "tcp/22";
    r.source = *address::parse("2001:db8::1");
    BOOST_TEST(
        method::method_of(*server.keys[0].key).plan(*server.keys[0].key, r).error().text ==
        "fwknop's packets have room for an IPv4 address only: expected one to open for, not 2001:db8::1");
    r.beneficiary = address();
    BOOST_TEST(method::method_of(*server.keys[0].key).plan(*server.keys[0].key, r).has_value());
}

BOOST_AUTO_TEST_CASE(key_is_made) {
    const auto& row = method::method_of(**method::read_key(lab::file(0)));
    std::vector<std::uint8_t> random(8192);
    std::iota(random.begin(), random.end(), std::uint8_t{0});
    const auto made = row.generate({}, random, 0);
    BOOST_REQUIRE_MESSAGE(made.has_value(), made.error().text);
    BOOST_TEST(made->client == "method = fwknop\nkey_base64 = " + lab::base64(0, 32) +
                                   "=\nhmac_key_base64 = " + lab::base64(32, 64) + "==\n");
    BOOST_TEST(made->server == "");
    BOOST_TEST(method::read_key(made->client).has_value());
    const std::vector<ini_field> some = {{"port", "1000", 0}, {"hmac_digest", "sha512", 0}};
    const auto other = row.generate(some, random, 0);
    BOOST_REQUIRE(other.has_value());
    BOOST_TEST(
        other->client.starts_with("method = fwknop\nport = 1000\nhmac_digest = sha512\nkey_base64 = "));
    const std::vector<ini_field> bad = {{"port", "x", 1}};
    BOOST_TEST(row.generate(bad, random, 0).error().text.starts_with("line 1: port: "));
}

BOOST_FIXTURE_TEST_CASE(capture_and_budget_of_fwknop, lab) {
    key(0, "port = 7\n");
    const auto wish = method::wants(server);
    const packet::capture_wish expected{.datagrams = {{*port_set::parse("7"), {55, 1472}}}};
    BOOST_TEST((wish == expected));
    BOOST_TEST(method::security_bits(server.keys[0], server) == 128.0);
}
