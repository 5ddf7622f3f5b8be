#include "client/volley.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>

using namespace chronoknock;
using namespace std::chrono_literals;
using client::pace;
using client::volley;
using step = client::volley::step;

namespace {

constexpr std::size_t n = 16;
const instant start{1h};

/// Sends until the volley wants to wait or is done, and returns that.
volley::action send_round(volley& v, instant now, std::vector<std::size_t>* sent = nullptr) {
    for (;;) {
        const auto a = v.next(now);
        if (a.what != step::send) return a;
        if (sent != nullptr) sent->push_back(a.port);
    }
}

struct outcome {
    bool arrived;
    std::uint32_t syns;
};

/// A knock on a path that loses SYNs and answers with a chance each. silent: the host never answers.
outcome knock(std::mt19937& random, double loss, bool silent, const pace& p = {}) {
    std::bernoulli_distribution lost(loss);
    volley v(n, p);
    std::vector<bool> arrived(n, false);
    for (instant now = start;;) {
        const auto a = v.next(now);
        if (a.what == step::done) break;
        if (a.what == step::wait) {
            now = a.until;
        } else if (!lost(random)) {
            arrived[a.port] = true;
            if (!silent && !lost(random)) v.answered(a.port);
        }
    }
    return {std::ranges::count(arrived, true) == n, v.syns()};
}

struct rate {
    double success;
    double syns;
};

rate measure(double loss, bool silent) {
    constexpr int knocks = 100000;
    std::mt19937 random(20240101);
    int successes = 0;
    double syns = 0;
    for (int i = 0; i < knocks; ++i) {
        const auto k = knock(random, loss, silent);
        successes += k.arrived;
        syns += k.syns;
    }
    return {successes / double{knocks}, syns / knocks};
}

} // namespace

BOOST_AUTO_TEST_CASE(rounds_go_back_to_back_a_pause_apart) {
    volley v(3, {});
    std::vector<std::size_t> sent;
    auto a = send_round(v, start, &sent);
    BOOST_TEST((sent == std::vector<std::size_t>{0, 1, 2}));
    BOOST_TEST((a.what == step::wait && a.until == start + 100ms));
    BOOST_TEST(v.rounds() == 1u);
    // an answer does not hasten it
    v.answered(0);
    BOOST_TEST((v.next(start + 99ms).what == step::wait));
    a = send_round(v, start + 100ms, &sent);
    BOOST_TEST((sent == std::vector<std::size_t>{0, 1, 2, 0, 1, 2}));
    BOOST_TEST((a.what == step::wait && a.until == start + 200ms));
}

BOOST_AUTO_TEST_CASE(gap_parts_the_syns) {
    volley v(2, {.least = 2, .most = 2, .gap = 30ms, .pause = 100ms});
    std::vector<nanoseconds> times;
    for (instant now = start;;) {
        const auto a = v.next(now);
        if (a.what == step::done) break;
        if (a.what == step::send)
            times.push_back(now - start);
        else
            now = a.until;
    }
    BOOST_TEST((times == std::vector<nanoseconds>{0ms, 30ms, 130ms, 160ms}));
}

BOOST_AUTO_TEST_CASE(it_is_in_a_round_from_the_first_syn_to_the_last) {
    volley v(3, {.least = 2, .most = 2, .gap = 30ms, .pause = 100ms});
    BOOST_TEST(!v.in_round());
    instant now = start;
    for (int round = 0; round < 2; ++round)
        for (int syn = 0; syn < 3; ++syn) {
            while (v.next(now).what == step::wait) now += 10ms;
            BOOST_TEST(v.in_round() == (syn < 2));
        }
    BOOST_TEST((v.next(now + 1s).what == step::done));
}

BOOST_AUTO_TEST_CASE(two_rounds_when_all_ports_answer) {
    volley v(3, {});
    send_round(v, start);
    for (std::size_t i = 0; i < 3; ++i) v.answered(i);
    BOOST_TEST((v.next(start).what == step::wait));
    BOOST_TEST((send_round(v, start + 100ms).what == step::done));
    BOOST_TEST(v.syns() == 6u);
}

BOOST_AUTO_TEST_CASE(late_answers_end_it) {
    volley v(3, {});
    send_round(v, start);
    v.answered(0);
    v.answered(0);
    v.answered(1);
    BOOST_TEST((send_round(v, start + 100ms).what == step::wait));
    v.answered(2);
    BOOST_TEST((v.next(start + 101ms).what == step::done));
    BOOST_TEST(v.syns() == 6u);
}

BOOST_AUTO_TEST_CASE(five_rounds_when_nothing_answers) {
    volley v(3, {});
    instant now = start;
    while (send_round(v, now).what == step::wait) now += 100ms;
    BOOST_TEST(v.rounds() == 5u);
    BOOST_TEST(v.syns() == 15u);
}

BOOST_AUTO_TEST_CASE(open_door_ends_it_at_once) {
    volley v(3, {});
    send_round(v, start);
    v.opened();
    BOOST_TEST((v.next(start + 100ms).what == step::done));
    BOOST_TEST(v.syns() == 3u);
}

BOOST_AUTO_TEST_CASE(round_is_finished_for_strict_servers) {
    volley v(2, {.least = 1, .most = 5});
    send_round(v, start);
    BOOST_TEST((v.next(start + 100ms).what == step::send));
    v.answered(0);
    v.answered(1);
    BOOST_TEST((v.next(start + 100ms).what == step::send));
    BOOST_TEST((v.next(start + 100ms).what == step::done));
}

// The goals that the default pace was chosen by; 100,000 knocks each, so that 99.9 % is 100 failures, give or
// take 10.
BOOST_AUTO_TEST_CASE(loss_is_answered_by_rounds) {
    for (const bool silent : {false, true}) {
        const auto none = measure(0, silent);
        const auto little = measure(0.01, silent);
        const auto some = measure(0.05, silent);
        const auto much = measure(0.2, silent);
        BOOST_TEST_MESSAGE((silent ? "silent" : "answering")
                           << " host: SYNs " << none.syns << " at no loss, " << little.syns << " at 1 %, "
                           << some.syns << " at 5 %, " << much.syns << " at 20 %; success " << little.success
                           << ", " << some.success << ", " << much.success);
        BOOST_TEST(none.success == 1.0);
        BOOST_TEST(none.syns == (silent ? 80.0 : 32.0));
        BOOST_TEST(little.success >= 0.999);
        BOOST_TEST(some.success >= 0.999);
        BOOST_TEST(much.success >= 0.99);
    }
}
