// Challenge and response: what is answered, and what earns a claim.
#include "challenge_lab.hpp"

#include <boost/json.hpp>
#include <cmath>
#include <fstream>
#include <sstream>

using namespace chronoknock;
using namespace chronoknock::challenge;
using namespace std::chrono_literals;

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
