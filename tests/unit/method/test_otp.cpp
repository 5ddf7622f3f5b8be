#include "grant/replay_guard.hpp"
#include "key/otp.hpp"
#include "method/method.hpp"
#include "method/otp/key.hpp"
#include "method/otp/verifier.hpp"
#include "packet/dns.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <numeric>
#include <sstream>

using namespace chronoknock;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t issued = 1'700'000'000;
constexpr std::string_view passphrase = "This is a test.";

key::otp_value password(std::uint32_t count, key::otp_function f = key::otp_function::sha1) {
    return key::otp_hash(f).password("TeSt", passphrase, count);
}

std::string server_file(std::uint32_t count, const std::string& more = "",
                        key::otp_function f = key::otp_function::sha1) {
    return "method = otp\nfunction = " + std::string(to_string(f)) +
           "\nseed = TeSt\nverifier = " + std::to_string(count) + ":" + key::otp_hex(password(count, f)) +
           "\nissued = " + std::to_string(issued) + "\n" + more;
}

std::string client_file(std::uint32_t count, const std::string& more = "") {
    return "method = otp\nseed = TeSt\npassphrase = " + std::string(passphrase) +
           "\ncount = " + std::to_string(count) + "\n" + more;
}

std::string complaint(const std::string& text) {
    const auto k = method::read_key(text);
    return k ? "accepted" : k.error().text;
}

/// A server, its record, and passwords sent to it.
struct lab {
    lab() { server.services = {{"ssh", {*endpoint_range::parse("tcp/22")}, seconds(30), 0}}; }

    void key(const std::string& text) {
        config::key_settings k;
        k.name = "k" + std::to_string(server.keys.size());
        k.key = *method::read_key(text);
        k.services = {0};
        server.keys.push_back(k);
    }
    otp::verifier make(const method::verifier* before = nullptr) {
        keys.resize(server.keys.size());
        std::iota(keys.begin(), keys.end(), 0u);
        method::verifier_settings s{server, keys, {1, 2, 3, 4}, [this](const address&) { return known; }};
        s.newest = [this](const std::string& key) { return guard.newest(key); };
        s.before = before;
        return otp::verifier(s);
    }

    bool known = false; ///< `who` opened a door before

    std::vector<granting::claim> send(otp::verifier& v, std::string_view text, std::uint16_t port = 40000) {
        v.observe({who,
                   me,
                   packet::kind::datagram,
                   5353,
                   port,
                   0,
                   {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}},
                  now);
        return v.end_batch(now);
    }
    std::vector<granting::claim> ask(otp::verifier& v, std::string_view name) {
        const auto question = packet::make_dns_question(name, 7);
        const auto asked = packet::dns_question(question);
        v.observe({who, me, packet::kind::datagram, 5353, 53, 0, question, asked->view()}, now);
        return v.end_batch(now);
    }

    granting::judgement judge(const granting::claim& c) {
        return guard.judge({c.once, c.beneficiary, 0s, clock, {clock, 0s}});
    }
    /// Sends a password; what becomes of it if it opens.
    std::string knock(otp::verifier& v, std::uint32_t count, bool opens = true) {
        const auto claims = send(v, key::otp_words(password(count)));
        if (claims.empty()) return "none";
        const auto verdict = judge(claims.front());
        const auto b = granting::replay_guard::burnt_of(claims.front().once, who, clock);
        if (verdict != granting::judgement::accepted) return std::string(to_string(verdict));
        record.push_back(b);
        if (opens)
            guard.opened(b);
        else
            guard.failed(b);
        clock += 20s; // no later round
        return opens ? "opened" : "failed";
    }

    config::server server;
    std::vector<std::uint32_t> keys;
    unix_time clock{seconds(issued + 100)};
    granting::replay_guard guard{{}, unix_time{}};
    std::vector<granting::burnt> record;
    address who = *address::parse("192.0.2.1");
    address me = *address::parse("198.51.100.1");
    instant now{1s};
};

} // namespace

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
    const packet::capture_wish expected{.datagrams = {{*port_set::parse("1024-65535"), {11, 128}}}};
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

BOOST_AUTO_TEST_CASE(otp_opens_once_each) {
    lab l;
    l.key(server_file(100));
    auto v = l.make();
    BOOST_TEST(l.knock(v, 100) == "none"); // the verifier itself
    BOOST_TEST(l.knock(v, 99) == "opened");
    BOOST_TEST(l.knock(v, 99) == "a replay");
    BOOST_TEST(l.knock(v, 98) == "opened");
    BOOST_TEST(l.knock(v, 99) == "none");
    BOOST_TEST(l.knock(v, 94) == "opened"); // four ahead
    BOOST_TEST(l.knock(v, 95) == "none");   // skipped
    BOOST_TEST(l.knock(v, 89) == "none");   // five ahead
    BOOST_TEST(l.knock(v, 90) == "opened");
}

BOOST_AUTO_TEST_CASE(otp_last_one_and_none_after) {
    lab l;
    l.key(server_file(2));
    auto v = l.make();
    BOOST_TEST(l.knock(v, 0) == "opened");
    BOOST_TEST(l.knock(v, 0) == "a replay");
    BOOST_TEST(l.knock(v, 1) == "none");
}

BOOST_AUTO_TEST_CASE(otp_a_failed_opening_moves_nothing_on) {
    lab l;
    l.key(server_file(100));
    auto v = l.make();
    BOOST_TEST(l.knock(v, 96, false) == "failed");
    BOOST_TEST(l.knock(v, 92) == "none"); // further than the lookahead from the verifier
    BOOST_TEST(l.knock(v, 99) == "opened");
}

BOOST_AUTO_TEST_CASE(otp_goes_on_from_the_record) {
    lab l;
    l.key(server_file(100));
    {
        auto v = l.make();
        BOOST_TEST(l.knock(v, 97) == "opened");
        BOOST_TEST(l.knock(v, 95) == "opened");
    }
    l.guard = granting::replay_guard(l.record, unix_time{});
    l.clock += 100 * 86400s; // long after it was issued
    auto v = l.make();
    BOOST_TEST(v.advance(l.now, {}, 0) == false);
    BOOST_TEST(v.advance(l.now, {}, 10) == true);
    BOOST_TEST(l.knock(v, 95) == "a replay");
    BOOST_TEST(l.knock(v, 97) == "none");
    BOOST_TEST(l.knock(v, 91) == "opened");
}

BOOST_AUTO_TEST_CASE(otp_without_a_record) {
    lab l;
    l.key(server_file(100));
    const auto used = [&](granting::replay_guard guard) {
        l.guard = std::move(guard);
        auto v = l.make();
        return l.knock(v, 99);
    };
    const std::string unrecorded(to_string(granting::judgement::unrecorded));
    l.clock = unix_time{seconds(issued + 86399)};
    BOOST_TEST(used({{}, l.clock}) == "opened"); // whatever the floor: the first start of a server sets one
    const auto record = l.record;
    l.clock = unix_time{seconds(issued + 86400)};
    BOOST_TEST(used({{}, unix_time{}}) == unrecorded);
    BOOST_TEST(used({record, unix_time{}}) == "a replay");
    l.clock = unix_time{seconds(issued - 1)};
    BOOST_TEST(used({{}, unix_time{}}) == unrecorded);
    // A record that was there and is lost: a replay of what was used before must not open.
    l.clock = unix_time{seconds(issued + 1000)};
    BOOST_TEST(used({{}, unix_time{}, unix_time::max()}) == unrecorded);
    BOOST_TEST(used({{}, unix_time{}, unix_time{seconds(issued + 500)}}) == unrecorded);
    BOOST_TEST(used({{}, unix_time{}, unix_time{seconds(issued)}}) == "opened");
    // One that may lack the newest is none.
    l.clock = unix_time{seconds(issued + 2000)};
    l.guard = {record, unix_time{}, unix_time{seconds(issued + 86400 + 50)}};
    auto v = l.make();
    v.advance(l.now, {}, 10);
    BOOST_TEST(l.knock(v, 98) == unrecorded);
}

BOOST_AUTO_TEST_CASE(otp_two_passwords_in_one_batch) {
    lab l;
    l.key(server_file(100));
    auto v = l.make();
    const auto send = [&](std::uint32_t count) {
        const auto text = key::otp_words(password(count));
        v.observe({l.who,
                   l.me,
                   packet::kind::datagram,
                   5353,
                   40000,
                   0,
                   {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}},
                  l.now);
    };
    for (const auto count : {98u, 99u, 97u, 97u}) send(count); // 99 is older by then
    const auto claims = v.end_batch(l.now);
    BOOST_REQUIRE(claims.size() == 2u);
    BOOST_TEST(claims[0].once.place == 1);
    BOOST_TEST(claims[1].once.place == 2);
    for (const auto& c : claims) BOOST_TEST((l.judge(c) == granting::judgement::accepted));
}

BOOST_AUTO_TEST_CASE(otp_carriers_ports_and_zones) {
    lab l;
    l.key(server_file(100, "ports = 40000\n"));
    l.key(server_file(200, "carrier = dns\nzone = knock.example.org\n", key::otp_function::md5));
    auto v = l.make();
    const auto udp = key::otp_words(password(99));
    BOOST_TEST(l.send(v, udp, 40001).empty());
    BOOST_TEST(l.send(v, udp + std::string(200, ' ')).empty());
    BOOST_TEST(l.ask(v, key::otp_words(password(99), '_') + ".knock.example.org").empty());
    BOOST_TEST(l.send(v, udp).size() == 1u);
    const auto other = password(199, key::otp_function::md5);
    BOOST_TEST(l.send(v, key::otp_words(other)).empty());
    BOOST_TEST(l.ask(v, key::otp_words(other, '_') + ".knock.example.com").empty());
    BOOST_TEST(l.ask(v, "x." + key::otp_words(other, '_') + ".knock.example.org").empty());
    BOOST_TEST(l.ask(v, key::otp_words(other, '_')).empty());
    const auto claims = l.ask(v, key::otp_words(other, '_') + ".KNOCK.example.org");
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST(claims.front().key == 1u);
    BOOST_TEST((claims.front().beneficiary == l.who));
    BOOST_TEST(claims.front().once.identity == key::otp_hex(other));
    BOOST_TEST(claims.front().description == "one-time password 199");
}

BOOST_AUTO_TEST_CASE(otp_verifier_that_follows_another) {
    lab l;
    l.key(server_file(100));
    auto first = l.make();
    auto second = l.make(&first);
    BOOST_TEST(l.knock(first, 97) == "opened");
    second.take_over(first);
    BOOST_TEST(l.knock(second, 97) == "a replay");
    BOOST_TEST(l.knock(second, 93) == "opened");
}

BOOST_AUTO_TEST_CASE(otp_of_many_keys_of_one_verifier) {
    lab l;
    for (int n = 0; n < 3; ++n) l.key(server_file(100, "ports = 4000" + std::to_string(n) + "\n"));
    auto v = l.make();
    BOOST_REQUIRE(l.send(v, key::otp_words(password(99)), 40002).size() == 1u);
    BOOST_TEST(l.send(v, key::otp_words(password(99)), 40001).front().key == 1u);
}

BOOST_AUTO_TEST_CASE(otp_lookahead_of_each_key) {
    lab l;
    l.key(server_file(100, "lookahead = 1\n"));
    l.key(server_file(200, "lookahead = 8\n"));
    auto v = l.make();
    BOOST_TEST(l.send(v, key::otp_words(password(98))).empty());
    BOOST_TEST(l.send(v, key::otp_words(password(99))).size() == 1u);
    BOOST_TEST(l.send(v, key::otp_words(password(192))).size() == 1u);
    BOOST_TEST(l.send(v, key::otp_words(password(191))).empty());
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
/// Words of right parity are no secret: whoever sends them has the server hash, as far as the ration goes.
BOOST_FIXTURE_TEST_CASE(hashes_for_strangers_are_rationed, lab) {
    key(server_file(100));
    auto v = make();
    v.end_batch(now);
    const auto payload = key::otp_words(password(3, key::otp_function::md5));
    const packet::event e{who,
                          me,
                          packet::kind::datagram,
                          5353,
                          40000,
                          0,
                          {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()}};
    for (int i = 0; i < 100'000; ++i) v.observe(e, now);
    BOOST_TEST(v.end_batch(now).empty());
    const auto count = v.count();
    BOOST_TEST(count[0].second < 11'000u); // 40,000 hashes at once, four each
    BOOST_TEST(count[1].second == 100'000u - count[0].second);
    BOOST_TEST(send(v, key::otp_words(password(99))).empty());
    known = true;
    BOOST_TEST(send(v, key::otp_words(password(99))).size() == 1u);
    known = false;
    for (int i = 0; i < 100'000; ++i) v.observe(e, now);
    now += 1s;
    v.end_batch(now);
    BOOST_TEST(send(v, key::otp_words(password(99))).size() == 1u);
}
