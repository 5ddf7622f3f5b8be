#include "method/challenge/key.hpp"
#include "method/challenge/sealer.hpp"
#include "method/challenge/verifier.hpp"
#include "method/method.hpp"

#include <boost/algorithm/hex.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <numeric>
#include <sstream>

using namespace chronoknock;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t epoch = 1'700'000'000;
constexpr std::string_view secret = "00112233445566778899aabbccddeeff";

std::vector<std::uint8_t> bytes_of(std::string_view hex) {
    std::vector<std::uint8_t> bytes;
    boost::algorithm::unhex(hex, std::back_inserter(bytes));
    return bytes;
}

std::vector<std::uint16_t> ports_of(const client::plan& p) {
    std::vector<std::uint16_t> ports;
    for (const auto& s : p.shots) {
        BOOST_TEST((s.kind == packet::kind::datagram));
        BOOST_TEST(s.payload.empty());
        ports.push_back(s.port);
    }
    return ports;
}

std::string complaint(std::string_view text) {
    const auto k = method::read_key(text);
    return k ? "accepted" : k.error().text;
}

/// A server of two services and a client; a clock that says `epoch` at the instant zero.
struct lab {
    lab() {
        server.services = {{"ssh", {*endpoint_range::parse("tcp/22")}, seconds(30), 0},
                           {"web", {*endpoint_range::parse("tcp/80")}, seconds(30), 0}};
        server.knock.tracked = 64;
        add("");
    }

    void add(const std::string& more) {
        config::key_settings k;
        k.name = "k" + std::to_string(server.keys.size());
        k.key = *method::read_key("method = challenge\nlength = 8\nports = 10000-60000\nsecret = " +
                                  std::string(secret) + "\n" + more);
        k.services = {0, 1};
        server.keys.push_back(k);
    }

    method::verifier_settings settings(const method::verifier* before = nullptr) {
        keys.resize(server.keys.size());
        std::iota(keys.begin(), keys.end(), 0u);
        return {.server = server,
                .keys = keys,
                .seed = {1, 2, 3, before ? 5u : 4u},
                .known = [](const address&) { return false; },
                .random = [this](std::span<std::uint8_t> out) { std::ranges::fill(out, ++nonces); },
                .newest = [this](const std::string& key) -> std::optional<granting::burnt> {
                    if (burnt.empty() || burnt.back().key != key) return std::nullopt;
                    return burnt.back();
                },
                .is_burnt =
                    [this](const std::string& key, std::int64_t place, const std::string& identity) {
                        return std::ranges::any_of(burnt, [&](const granting::burnt& b) {
                            return b.key == key && b.place == place && b.identity == identity;
                        });
                    },
                .before = before};
    }
    challenge::verifier make() {
        challenge::verifier v(settings());
        tell(v, 0);
        return v;
    }

    static instant at(double s) { return instant{nanoseconds(static_cast<std::int64_t>(s * 1e9))}; }
    static void tell(challenge::verifier& v, double s, nanoseconds error = 0ns) {
        v.advance(at(s), {unix_time{seconds(epoch) + at(s).time_since_epoch()}, error}, ~std::size_t{0});
    }

    method::knock_request wish(std::string service = "", std::int64_t t = epoch) const {
        return {.source = who, .at = t, .service = std::move(service)};
    }
    std::vector<std::uint16_t> request(const method::knock_request& r, std::size_t k = 0) const {
        return ports_of(*method::method_of(*server.keys[k].key).plan(*server.keys[k].key, r));
    }
    std::vector<std::uint16_t> response(const method::knock_request& r, const packet::datagram& answer,
                                        std::size_t k = 0) const {
        return ports_of(
            *method::method_of(*server.keys[k].key).respond(*server.keys[k].key, r, answer.payload));
    }

    struct seen {
        std::vector<granting::claim> claims;
        std::vector<packet::datagram> answers;
    };
    /// Sends datagrams, a batch for each.
    seen send(challenge::verifier& v, std::span<const std::uint16_t> ports, double s, const address& from,
              std::uint16_t source_port = 40000) {
        seen all;
        for (const auto port : ports) {
            tell(v, s);
            v.observe({from, me, packet::kind::datagram, source_port, port, 0, {}}, at(s));
            for (auto& c : v.end_batch(at(s))) all.claims.push_back(std::move(c));
            for (auto& a : v.take_answers()) all.answers.push_back(std::move(a));
            s += 0.001;
        }
        return all;
    }
    seen send(challenge::verifier& v, const std::vector<std::uint16_t>& ports, double s) {
        return send(v, ports, s, who);
    }

    config::server server;
    std::vector<std::uint32_t> keys;
    address who = *address::parse("192.0.2.1");
    address elsewhere = *address::parse("192.0.2.2");
    address me = *address::parse("198.51.100.1");
    std::uint8_t nonces = 0;
    std::vector<granting::burnt> burnt; ///< of the record: the newest last
};

} // namespace

BOOST_AUTO_TEST_SUITE(challenges)

BOOST_AUTO_TEST_CASE(every_vector) {
    std::ifstream file(CHRONOKNOCK_SOURCE_DIR "/tests/unit/method/method_vectors.json");
    std::stringstream text;
    text << file.rdbuf();
    const auto cases = boost::json::parse(text.str()).at("challenge").as_array();
    BOOST_TEST(cases.size() == 8u);
    for (const auto& value : cases) {
        const auto& v = value.as_object();
        const auto& k = v.at("key").as_object();
        std::ostringstream lines;
        for (const auto& [name, field] : k) {
            lines << std::string_view(name) << " = ";
            if (field.is_array()) {
                for (const auto& one : field.as_array()) lines << one.as_string().c_str();
            } else if (field.is_string()) {
                lines << field.as_string().c_str();
            } else {
                lines << field;
            }
            lines << '\n';
        }
        const auto read = method::read_key(lines.str());
        BOOST_REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().text));
        const auto& key = **read;
        const auto& row = method::method_of(key);
        const auto nonce = bytes_of(v.at("nonce").as_string().c_str());
        method::knock_request r{.source = *address::parse(v.at("ip").as_string().c_str()),
                                .at = v.at("time").as_int64(),
                                .service = v.at("service").as_string().c_str()};
        const auto request = boost::json::value_to<std::vector<std::uint16_t>>(v.at("request"));
        const auto response = boost::json::value_to<std::vector<std::uint16_t>>(v.at("response"));
        BOOST_TEST(ports_of(*row.plan(key, r)) == request, boost::test_tools::per_element());
        const auto sealed = bytes_of(v.at("challenge").as_string().c_str());
        const auto answer = row.respond(key, r, sealed);
        BOOST_REQUIRE(answer.has_value());
        BOOST_TEST(ports_of(*answer) == response, boost::test_tools::per_element());

        const auto& psk = static_cast<const challenge::credential&>(key).psk();
        challenge::message m{{}, r.source, static_cast<std::uint16_t>(v.at("port").as_int64())};
        std::ranges::copy(nonce, m.nonce.begin());
        const challenge::sealer seals(psk);
        const auto t0 = key::window_of(r.at, psk.granularity);
        BOOST_TEST(*seals.seal(t0, m) == sealed, boost::test_tools::per_element());
        BOOST_TEST((*seals.open(t0, sealed) == m));
        BOOST_TEST(!seals.open(t0 + psk.granularity, sealed).has_value());

        r.nonce = nonce;
        const auto printed = row.plan(key, r);
        BOOST_TEST(ports_of(*printed) == response, boost::test_tools::per_element());
        BOOST_TEST(printed->text.find("udp") == std::string::npos);
        r.nonce = std::span(nonce).first(15);
        BOOST_TEST(row.plan(key, r).error().text == "expected a nonce of 16 bytes");
    }
}

BOOST_AUTO_TEST_CASE(key_files) {
    const auto file = [](const std::string& more) {
        return "method = challenge\nsecret = " + std::string(secret) + "\n" + more;
    };
    const auto heeds = [&](const std::string& more) {
        return (*method::read_key(file(more)))->heeds_address();
    };
    BOOST_TEST(!heeds(""));
    BOOST_TEST(!heeds("ignore = ip\n"));
    BOOST_TEST(heeds("ignore =\n"));
    BOOST_TEST(complaint(file("ignore = time\n")) ==
               "line 3: ignore: expected ip or nothing: a challenge is for a window");
    BOOST_TEST(complaint(file("function = sha256\n")) ==
               "line 3: function: expected hmac-DIGEST for the method challenge");
    BOOST_TEST(complaint(file("sequence = 1,2\n")).starts_with("line 3: sequence: unknown field"));
    BOOST_TEST(complaint("method = challenge\n") == "secret: expected, and missing");
}

BOOST_AUTO_TEST_CASE(generated_keys_are_read_back) {
    const std::vector<std::uint8_t> random(8192, 7);
    for (const auto* ignore : {"ip", ""}) {
        const ini_field fields[] = {{"ignore", ignore, 1}, {"realm", "edge", 2}, {"bits", "256", 3}};
        const auto made = challenge::generate(fields, random, epoch);
        BOOST_REQUIRE(made.has_value());
        BOOST_TEST(made->server.empty());
        const auto k = method::read_key(made->client);
        BOOST_REQUIRE_MESSAGE(k.has_value(), (k ? "" : k.error().text));
        BOOST_TEST((*k)->heeds_address() == (*ignore == '\0'));
        const auto& psk = static_cast<const challenge::credential&>(**k).psk();
        BOOST_TEST(psk.secret.size() == 32u);
        BOOST_TEST(psk.realm == "edge");
    }
    const ini_field given[] = {{"secret", "00", 1}};
    BOOST_TEST(challenge::generate(given, random, epoch).error().text ==
               "line 1: secret: expected none: it is made at random");
}

BOOST_FIXTURE_TEST_CASE(request_is_answered_and_the_response_claims, lab) {
    auto v = make();
    const auto r = wish("web");
    const auto asked = request(r);
    const auto one = send(v, asked, 1);
    BOOST_TEST(one.claims.empty());
    BOOST_REQUIRE(one.answers.size() == 1u);
    const auto& a = one.answers[0];
    BOOST_TEST((a.source == me));
    BOOST_TEST(a.source_port == asked.back());
    BOOST_TEST((a.destination == who));
    BOOST_TEST(a.port == 40000);
    BOOST_TEST(a.payload.size() == 50u);
    const auto two = send(v, response(r, a), 1.1);
    BOOST_TEST(two.answers.empty());
    BOOST_REQUIRE(two.claims.size() == 1u);
    const auto& c = two.claims[0];
    BOOST_TEST((c.beneficiary == who));
    BOOST_TEST((c.services == std::vector<std::uint32_t>{1}));
    BOOST_TEST(c.once.place == epoch);
    BOOST_TEST(c.once.slack == 10);
    BOOST_TEST(c.once.identity == "web");
    BOOST_TEST(!c.once.reusable);
    BOOST_TEST((c.once.good->begin == unix_time{seconds(epoch)}));
    BOOST_TEST((c.once.good->end == unix_time{seconds(epoch + 20)}));
    BOOST_TEST((c.first < at(1.002) && c.first > at(0.998)));
    BOOST_TEST(c.description == "window 2023-11-14 22:13:20");
    // A later round: the guard knows it for one.
    BOOST_TEST(send(v, response(r, a), 1.2).claims.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(answer_goes_the_way_of_the_datagram_that_completed_the_request, lab) {
    auto v = make();
    auto asked = request(wish());
    std::ranges::reverse(asked);
    // A router may give each datagram another port.
    const auto but_last = send(v, std::span(asked).first(asked.size() - 1), 1, who, 40000);
    BOOST_TEST(but_last.answers.empty());
    const auto last = send(v, std::span(asked).last(1), 1.1, who, 50000);
    BOOST_REQUIRE(last.answers.size() == 1u);
    BOOST_TEST(last.answers[0].source_port == asked.back());
    BOOST_TEST(last.answers[0].port == 50000);
}

BOOST_FIXTURE_TEST_CASE(same_request_has_the_same_challenge_eight_times, lab) {
    auto v = make();
    const auto asked = request(wish());
    const auto first = send(v, asked, 1).answers;
    BOOST_REQUIRE(first.size() == 1u);
    for (int i = 1; i < 8; ++i) {
        const auto again = send(v, asked, 1 + 0.1 * i, who, static_cast<std::uint16_t>(40000 + i)).answers;
        BOOST_REQUIRE(again.size() == 1u);
        BOOST_TEST(again[0].payload == first[0].payload);
        BOOST_TEST(again[0].port == 40000 + i);
    }
    BOOST_TEST(send(v, asked, 2).answers.empty());
    // For another service it is another request.
    BOOST_TEST(send(v, request(wish("ssh")), 3).answers.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(request_repeated_from_elsewhere_has_no_answer, lab) {
    auto v = make();
    const auto r = wish();
    const auto asked = request(r);
    const auto answers = send(v, asked, 1).answers;
    BOOST_REQUIRE(answers.size() == 1u);
    BOOST_TEST(send(v, asked, 1.1, elsewhere).answers.empty());
    BOOST_REQUIRE(send(v, response(r, answers[0]), 1.2).claims.size() == 1u);
    BOOST_TEST(send(v, asked, 1.3, elsewhere).answers.empty());
    // When the conversation is over, within the window, nobody has one.
    BOOST_TEST(send(v, asked, 13, elsewhere).answers.empty());
    BOOST_TEST(send(v, asked, 14).answers.empty());
}

BOOST_FIXTURE_TEST_CASE(response_must_come_from_the_same_address_in_time, lab) {
    auto v = make();
    const auto r = wish();
    const auto answer = send(v, request(r), 1).answers.at(0);
    const auto ports = response(r, answer);
    BOOST_TEST(send(v, ports, 1.1, elsewhere).claims.empty());
    // What it lacks must come before the timeout.
    BOOST_TEST(send(v, std::span(ports).first(7), 1.2, who).claims.empty());
    BOOST_TEST(send(v, std::span(ports).last(1), 11.5, who).claims.empty());
    const auto later = wish("", epoch + 10);
    const auto next = send(v, request(later), 12).answers.at(0);
    BOOST_TEST(send(v, response(later, next), 21.9, who, 55555).claims.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(only_the_last_datagrams_count, lab) {
    server.knock.memory = 16;
    for (const std::size_t between : {8u, 9u}) {
        auto v = make();
        const auto r = wish();
        const auto ports = response(r, send(v, request(r), 1).answers.at(0));
        const std::vector<std::uint16_t> noise(between, 10001);
        send(v, std::span(ports).first(4), 1.1, who);
        send(v, noise, 1.2);
        BOOST_TEST(send(v, std::span(ports).last(4), 1.3, who).claims.size() == (between == 8 ? 1u : 0u));
    }
}

BOOST_FIXTURE_TEST_CASE(strict_mode_wants_order_and_nothing_between, lab) {
    server.keys[0].mode = config::matching::strict;
    auto v = make();
    const auto r = wish();
    auto asked = request(r);
    std::ranges::swap(asked[2], asked[3]);
    BOOST_TEST(send(v, asked, 1).answers.empty());
    const auto ports = response(r, send(v, request(r), 1.1).answers.at(0));
    auto broken = ports;
    broken.insert(broken.begin() + 3, 10001);
    BOOST_TEST(send(v, broken, 1.2).claims.empty());
    BOOST_TEST(send(v, ports, 1.3).claims.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(no_answer_outside_the_window, lab) {
    auto v = make();
    BOOST_TEST(send(v, request(wish("", epoch + 10)), 1).answers.empty());
    BOOST_TEST(send(v, request(wish()), 20.5).answers.empty());
    BOOST_TEST(send(v, request(wish("", epoch + 10)), 21).answers.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(what_is_no_empty_datagram_does_not_count, lab) {
    auto v = make();
    const std::uint8_t byte[1] = {};
    for (const auto port : request(wish())) {
        v.observe({who, me, packet::kind::datagram, 40000, port, 0, byte}, at(1));
        v.observe({who, me, packet::kind::syn, 40000, port, 0, {}}, at(1));
        v.observe({who, me, packet::kind::echo, 0, port, 0, {}}, at(1));
    }
    BOOST_TEST(v.end_batch(at(1)).empty());
    BOOST_TEST(v.take_answers().empty());
}

BOOST_FIXTURE_TEST_CASE(key_that_heeds_the_address_answers_that_address, lab) {
    server.keys.clear();
    add("ignore =\n");
    auto v = make();
    const auto asked = request(wish());
    BOOST_TEST(send(v, asked, 1, elsewhere).answers.empty());
    BOOST_TEST(send(v, asked, 1.1).answers.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(two_realms_of_one_secret_are_two_keys, lab) {
    add("realm = b\n");
    auto v = make();
    const auto one = send(v, request(wish(), 0), 1).answers;
    const auto two = send(v, request(wish(), 1), 1.1, elsewhere).answers;
    BOOST_REQUIRE(one.size() == 1u);
    BOOST_REQUIRE(two.size() == 1u);
    const auto& k = *server.keys[0].key;
    BOOST_TEST(!method::method_of(k).respond(k, wish(), two[0].payload).has_value());
    const auto claims = send(v, response(wish(), two[0], 1), 1.2, elsewhere).claims;
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST(claims[0].key == 1u);
}

BOOST_FIXTURE_TEST_CASE(forged_answers_are_none, lab) {
    auto v = make();
    const auto answer = send(v, request(wish()), 1).answers.at(0);
    const auto& k = *server.keys[0].key;
    const auto& row = method::method_of(k);
    for (std::size_t i = 0; i < answer.payload.size(); ++i) {
        auto bent = answer.payload;
        bent[i] ^= 1;
        BOOST_TEST(!row.respond(k, wish(), bent).has_value());
    }
    BOOST_TEST(!row.respond(k, wish(), std::span(answer.payload).first(49)).has_value());
    BOOST_TEST(!row.respond(k, wish(), {}).has_value());
    BOOST_TEST(!row.respond(k, wish("", epoch + 10), answer.payload).has_value());
    BOOST_TEST(row.respond(k, wish(), answer.payload).has_value());
}

BOOST_FIXTURE_TEST_CASE(after_a_restart_what_the_record_has_is_not_answered, lab) {
    const auto fingerprint = server.keys[0].key->fingerprint();
    burnt = {{fingerprint, epoch, "web", who, {}}};
    auto v = make();
    BOOST_TEST(send(v, request(wish("web")), 1).answers.empty());
    BOOST_TEST(send(v, request(wish("ssh")), 1.1).answers.size() == 1u);
    burnt[0].place = epoch + 20; // the clock was ahead: nothing older than one window goes
    BOOST_TEST(send(v, request(wish("", epoch)), 2).answers.empty());
    BOOST_TEST(send(v, request(wish("", epoch + 10)), 11).answers.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(after_a_restart_also_what_was_burnt_before_the_newest_is_not_answered, lab) {
    const auto fingerprint = server.keys[0].key->fingerprint();
    // The window before, and two services in one.
    burnt = {{fingerprint, epoch, "web", who, {}},
             {fingerprint, epoch + 10, "ssh", who, {}},
             {fingerprint, epoch + 10, "web", who, {}}};
    auto v = make();
    BOOST_TEST(send(v, request(wish("web")), 11, elsewhere).answers.empty());
    BOOST_TEST(send(v, request(wish("ssh", epoch + 10)), 11.1, elsewhere).answers.empty());
    BOOST_TEST(send(v, request(wish("web", epoch + 10)), 11.2, elsewhere).answers.empty());
    BOOST_TEST(send(v, request(wish("ssh")), 11.3).answers.size() == 1u);
    BOOST_TEST(send(v, request(wish("", epoch + 10)), 11.4).answers.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(response_claims_five_times_at_most, lab) {
    for (const auto mode : {config::matching::set, config::matching::strict}) {
        server.keys[0].mode = mode;
        auto v = make();
        const auto r = wish("web");
        const auto ports = response(r, send(v, request(r), 1).answers.at(0));
        std::size_t claims = 0;
        for (int i = 1; i <= 20; ++i) claims += send(v, ports, 1 + 0.1 * i).claims.size();
        BOOST_TEST(claims == 5u); // once, and should burning it fail
        // The client's next request is not worse off.
        const auto next = wish("ssh");
        const auto more = response(next, send(v, request(next), 4).answers.at(0));
        BOOST_TEST(send(v, more, 4.1).claims.size() == 1u);
    }
}

BOOST_FIXTURE_TEST_CASE(conversation_outlives_a_reload, lab) {
    auto v = make();
    const auto r = wish("web");
    const auto asked = request(r);
    const auto answer = send(v, asked, 1).answers.at(0);
    // Another key comes before it, and the service has another place.
    server.keys.insert(server.keys.begin(), server.keys[0]);
    server.keys[0].key = *method::read_key("method = challenge\nsecret = ffeeddccbbaa99887766554433221100\n");
    std::swap(server.services[0], server.services[1]);
    challenge::verifier next(settings(&v));
    tell(next, 1.1);
    next.take_over(v);
    BOOST_TEST(send(next, asked, 1.2, elsewhere).answers.empty());
    const auto claims = send(next, response(r, answer, 1), 1.3).claims;
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST(claims[0].key == 1u);
    BOOST_TEST((claims[0].services == std::vector<std::uint32_t>{0}));
}

BOOST_AUTO_TEST_CASE(conversations_are_bounded_and_the_oldest_makes_room) {
    challenge::conversations all(256, 10s, {1, 2, 3, 4});
    const auto id = [](std::size_t n) {
        return challenge::request_id{"k", "", static_cast<std::int64_t>(n)};
    };
    const auto most = challenge::conversations::most;
    const auto who = *address::parse("192.0.2.1");
    for (std::size_t n = 0; n < most + 10; ++n) {
        challenge::conversation c;
        c.id = id(n);
        c.who = who;
        c.response = {static_cast<std::uint16_t>(n)};
        all.begin(std::move(c));
    }
    BOOST_TEST(all.size() == most);
    BOOST_TEST(all.find(id(9)) == nullptr);
    BOOST_TEST(all.find(id(10)) != nullptr);
    int done = 0;
    const auto count = [&](const challenge::conversation&) { ++done; };
    all.observe(who, 9, instant{}, count);
    BOOST_TEST(done == 0);
    all.observe(who, 10, instant{}, count);
    BOOST_TEST(done == 1);
}

BOOST_FIXTURE_TEST_CASE(budget_is_that_of_the_response, lab) {
    server.knock.memory = 8;
    const double q = -std::log2(std::ceil(65536.0 / 50001) / 65536);
    // 8 * 7! of the 8 datagrams that count
    BOOST_TEST(method::security_bits(server.keys[0], server) == 8 * q - std::log2(40320.0),
               boost::test_tools::tolerance(1e-9));
    server.keys[0].mode = config::matching::strict;
    BOOST_TEST(method::security_bits(server.keys[0], server) == 8 * q, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_SUITE_END()
