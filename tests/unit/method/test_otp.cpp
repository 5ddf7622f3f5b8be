// One-time passwords: what earns a claim, what the record and a reload leave, and what strangers cost.
#include "otp_lab.hpp"

#include <algorithm>

using namespace chronoknock;
using namespace chronoknock::otp;
using namespace std::chrono_literals;

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
