#include "method/method.hpp"
#include "method/static/key.hpp"
#include "method/static/verifier.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>

using namespace chronoknock;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view one = "7000, udp/8000, 9000";
constexpr std::string_view pad = "7000,8000,9000; 7001,8001,9001; 7002,8002,9002";

struct lab {
    lab() {
        server.services = {{"ssh", {*endpoint_range::parse("tcp/22")}, seconds(30), 0},
                           {"web", {*endpoint_range::parse("tcp/80")}, seconds(30), 0}};
        server.knock.tracked = 64;
    }

    void key(std::string_view sequences, config::matching mode = config::matching::set) {
        config::key_settings k;
        k.name = "k" + std::to_string(server.keys.size());
        k.key = *fixed::read_sequences(sequences);
        k.services = {0, 1};
        k.mode = mode;
        server.keys.push_back(k);
    }

    fixed::verifier make() {
        keys.resize(server.keys.size());
        std::iota(keys.begin(), keys.end(), 0u);
        return fixed::verifier({server, keys, {1, 2, 3, 4}, [](const address&) { return false; }});
    }

    static instant at(double s) { return instant{nanoseconds(static_cast<std::int64_t>(s * 1e9))}; }

    /// Sends a knock, a batch for each packet unless told otherwise.
    std::vector<granting::claim> send(fixed::verifier& v, std::string_view shots, double from = 1,
                                      bool together = false) {
        std::vector<granting::claim> all;
        const auto sent = *fixed::read_sequences(shots);
        for (const auto& s : static_cast<const fixed::credential&>(*sent).sequences().front()) {
            v.observe({who, me, s.kind, 40000, s.port, ++number, {}}, at(from));
            if (together) continue;
            for (auto& c : v.end_batch(at(from))) all.push_back(std::move(c));
            from += 0.01;
        }
        for (auto& c : v.end_batch(at(from))) all.push_back(std::move(c));
        return all;
    }

    config::server server;
    std::vector<std::uint32_t> keys;
    address who = *address::parse("192.0.2.1");
    address me = *address::parse("198.51.100.1");
    std::uint32_t number = 0;
};

std::string complaint(std::string_view text) {
    const auto k = method::read_key(text);
    return k ? "accepted" : k.error().text;
}

} // namespace

BOOST_AUTO_TEST_CASE(key_file_of_a_fixed_sequence) {
    const auto k = method::read_key("method = static\nsequence = 7000, udp/8000, tcp/9000\n");
    BOOST_REQUIRE_MESSAGE(k.has_value(), k.error().text);
    BOOST_TEST((*k)->method() == "static");
    BOOST_TEST((*k)->never_changes());
    BOOST_TEST(!(*k)->numbered());
    BOOST_TEST((*k)->least_memory() == 3u);
    BOOST_TEST((*k)->fingerprint() == (*fixed::read_sequences("7000,udp/8000,9000"))->fingerprint());
    BOOST_TEST((*k)->fingerprint() != (*fixed::read_sequences("7000,8000,9000"))->fingerprint());
    const auto p = method::read_key("method = static\nsequence = " + std::string(pad) + "\n");
    BOOST_REQUIRE(p.has_value());
    BOOST_TEST((*p)->numbered());
    BOOST_TEST(!(*p)->never_changes());
    const auto dated = method::read_key("method = static\nissued = 5\nsequence = " + std::string(pad) + "\n");
    BOOST_REQUIRE_MESSAGE(dated.has_value(), dated.error().text);
    BOOST_TEST((*dated)->fingerprint() == (*p)->fingerprint());
}

BOOST_AUTO_TEST_CASE(unfit_key_file_is_named_and_not_quoted) {
    BOOST_TEST(complaint("method = static\n") == "sequence: expected, and missing");
    BOOST_TEST(complaint("method = static\nsequence = 7000\n") ==
               "line 2: sequence: expected 2 to 64 ports in a sequence");
    BOOST_TEST(complaint("method = static\nsequence = 7000,sctp/1\n") ==
               "line 2: sequence: expected ports like 7000, udp/8000, with ; between the sequences of a pad");
    BOOST_TEST(complaint("method = static\nsequence = 1,2;1,2\n") ==
               "line 2: sequence: expected each sequence of a pad once");
    BOOST_TEST(complaint("method = static\nsequence = 1,2\nrealm = x\n") ==
               "line 3: realm: unknown field; expected method, sequence or issued");
    BOOST_TEST(complaint("method = static\nsequence = 1,2\nissued = 5\n") ==
               "line 3: issued: expected of a pad only, not of a single sequence");
    BOOST_TEST(complaint("method = static\nsequence = 1,2;3,4\nissued = -5\n")
                   .starts_with("line 3: issued: expected a whole number"));
    BOOST_TEST(complaint("method = statics\nsequence = 1,2\n").starts_with("line 1: method: expected "));
}

BOOST_FIXTURE_TEST_CASE(complete_sequence_claims_all_that_its_key_may_open, lab) {
    key(one);
    auto v = make();
    const auto claims = send(v, one);
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST(claims[0].key == 0u);
    BOOST_TEST((claims[0].beneficiary == who));
    BOOST_TEST((claims[0].services == std::vector<std::uint32_t>{0, 1}));
    BOOST_TEST(claims[0].once.reusable);
    BOOST_TEST((claims[0].first < at(1.002) && claims[0].first > at(0.998))); // a tick is 1.2 ms
    BOOST_TEST(claims[0].description == "sequence");                          // none of its ports
    BOOST_TEST(send(v, one, 2, true).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(protocol_is_part_of_a_port, lab) {
    key(one);
    auto v = make();
    BOOST_TEST(send(v, "7000, 8000, 9000").empty());
    BOOST_TEST(send(v, "udp/7000, udp/8000, udp/9000", 20).empty());
}

BOOST_FIXTURE_TEST_CASE(order_matters_in_strict_mode_only, lab) {
    key(one);
    key(one, config::matching::strict);
    auto v = make();
    const auto claims = send(v, "9000, udp/8000, 7000");
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST(claims[0].key == 0u);
    BOOST_TEST(send(v, one, 20).size() == 2u);
    BOOST_TEST(send(v, "7000, 7000, udp/8000, 9000", 40).size() == 2u); // starts afresh at a first port
}

BOOST_FIXTURE_TEST_CASE(nothing_older_than_the_timeout_counts, lab) {
    key(one);
    auto v = make();
    BOOST_TEST(send(v, "7000, udp/8000", 1).empty());
    BOOST_TEST(send(v, "9000, 9000", 12).empty());
}

BOOST_FIXTURE_TEST_CASE(sequences_of_a_pad_have_their_place, lab) {
    key(pad);
    auto v = make();
    const auto first = send(v, "7000,8000,9000");
    const auto third = send(v, "7002,8002,9002", 2);
    BOOST_REQUIRE(first.size() == 1u);
    BOOST_REQUIRE(third.size() == 1u);
    BOOST_TEST(!first[0].once.reusable);
    BOOST_TEST(first[0].once.place == 0);
    BOOST_TEST(third[0].once.place == 2);
    BOOST_TEST(third[0].once.slack == 0);
    BOOST_TEST(third[0].once.ahead == 8);
    BOOST_TEST(first[0].once.identity != third[0].once.identity);
    BOOST_TEST(!first[0].once.good.has_value());
    BOOST_REQUIRE(first[0].once.unrecorded.has_value());
    BOOST_TEST((first[0].once.unrecorded->begin == unix_time{}));
    BOOST_TEST((first[0].once.unrecorded->end == unix_time::max()));
}

BOOST_FIXTURE_TEST_CASE(pad_is_as_old_as_its_file_says, lab) {
    key(pad);
    const auto text = "method = static\nissued = 5\nsequence = " + std::string(pad) + "\n";
    server.keys[0].key = *method::read_key(text);
    auto v = make();
    const auto claims = send(v, "7000,8000,9000");
    BOOST_REQUIRE(claims.size() == 1u);
    BOOST_TEST((claims[0].once.unrecorded->begin == unix_time{seconds(5)}));
}

BOOST_FIXTURE_TEST_CASE(datagrams_are_never_taken_for_retransmissions, lab) {
    key("udp/7000, udp/8000, udp/7000, udp/9000", config::matching::strict);
    auto v = make();
    BOOST_TEST(send(v, "udp/7000, udp/8000, udp/7000, udp/9000").size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(budget_of_fixed_sequences, lab) {
    key("1,2,3", config::matching::strict);
    key("1,2,4");
    key("1,2,5;1,2,6", config::matching::strict);
    key("1,1,7");
    key("1,2,3;3,2,1"); // whoever heard one can complete the other
    key("1,2,3;1,2,4");
    BOOST_TEST(method::security_bits(server.keys[0], server) == 48.0);
    // 3 * 255!/253! of the 256 SYNs that count
    BOOST_TEST(method::security_bits(server.keys[1], server) == 48 - std::log2(3.0 * 255 * 254),
               boost::test_tools::tolerance(1e-9));
    BOOST_TEST(method::security_bits(server.keys[2], server) == 47.0);
    BOOST_TEST(method::security_bits(server.keys[4], server) == 0.0);
    BOOST_TEST(method::security_bits(server.keys[5], server) == 15.0);
    BOOST_TEST(method::security_bits(server.keys[3], server) == 32 - std::log2(2.0 * 255),
               boost::test_tools::tolerance(1e-9));
}

BOOST_FIXTURE_TEST_CASE(plan_is_the_sequence_whose_turn_it_is, lab) {
    key(one);
    key(pad);
    const auto text = [&](std::size_t k, std::int64_t nth) {
        const auto plan = method::method_of(*server.keys[k].key).plan(*server.keys[k].key, {who, nth, ""});
        return plan ? client::to_text(plan->shots) : plan.error().text;
    };
    BOOST_TEST(text(0, 0) == "7000 udp/8000 9000");
    BOOST_TEST(text(0, 5) == "7000 udp/8000 9000");
    BOOST_TEST(text(1, 1) == "7001 8001 9001");
    BOOST_TEST(text(1, 3) == "the pad is used up: it has 3 sequences");
}

BOOST_AUTO_TEST_CASE(keys_with_more_ports_than_can_be_told_apart_are_refused) {
    lab l;
    const auto ports = [](std::uint32_t first, std::uint32_t last) {
        std::string text;
        for (auto n = first; n <= last; ++n) {
            const auto port = std::to_string(n % 65536);
            text += (n == first              ? ""
                     : (n - first) % 64 == 0 ? ";"
                                             : ",") +
                    (n < 65536 ? port : "udp/" + port);
        }
        return text;
    };
    l.key(ports(0, 40001));
    l.key(ports(30000, 65534));
    BOOST_TEST(method::check(l.server).has_value());
    l.key(ports(65533, 65535 + 7000));
    BOOST_TEST(
        method::check(l.server).error().text ==
        "keys of the method static: expected at most 65535 different ports in all their sequences, not "
        "72536");
}
