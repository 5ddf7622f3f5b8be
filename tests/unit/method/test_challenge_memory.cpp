// Challenge and response: repeats, what a restart and a reload leave, and how much is remembered.
#include "challenge_lab.hpp"

using namespace chronoknock;
using namespace chronoknock::challenge;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(challenges)

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

BOOST_AUTO_TEST_SUITE_END()
