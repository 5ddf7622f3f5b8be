#include "io/capture/source_machine.hpp"

#include <boost/test/unit_test.hpp>
#include <ostream>

using namespace chronoknock;
using io::link_state;
using io::source_machine;
using action = source_machine::action;
using state = source_machine::state;
using actions = source_machine::actions;

namespace chronoknock::io {
std::ostream& operator<<(std::ostream& out, source_machine::action a) {
    static constexpr const char* names[] = {"look",
                                            "open",
                                            "close",
                                            "wait",
                                            "pause",
                                            "yield",
                                            "retry",
                                            "tell_listening",
                                            "tell_absent",
                                            "tell_down",
                                            "tell_open_failed",
                                            "tell_read_failed"};
    return out << names[static_cast<int>(a)];
}
std::ostream& operator<<(std::ostream& out, source_machine::state s) {
    static constexpr const char* names[] = {"stopped", "absent", "down", "opening", "doubtful",
                                            "failed",  "quiet",  "busy", "deaf"};
    return out << names[static_cast<int>(s)];
}
std::ostream& operator<<(std::ostream& out, const source_machine::actions& all) {
    for (const auto a : all) out << a << ' ';
    return out;
}
} // namespace chronoknock::io

namespace {

constexpr link_state up{3, true};
constexpr link_state lowered{3, false};
constexpr link_state none{};

instant at(double ms) { return instant{nanoseconds(static_cast<std::int64_t>(ms * 1e6))}; }

/// A machine, and what it wanted last.
struct machine : source_machine {
    machine& listening() {
        start();
        link_seen(up);
        opened();
        return *this;
    }
};

#define WANTS(todo, ...) BOOST_TEST((todo) == (actions __VA_ARGS__))

} // namespace

BOOST_AUTO_TEST_SUITE(source_machines)

BOOST_AUTO_TEST_CASE(an_interface_that_is_up_is_opened) {
    machine m;
    BOOST_TEST(m.now() == state::stopped);
    WANTS(m.start(), {action::look});
    WANTS(m.link_seen(up), {action::open});
    BOOST_TEST(m.now() == state::opening);
    WANTS(m.opened(), {action::wait, action::tell_listening});
    BOOST_TEST(m.now() == state::quiet);
}

BOOST_AUTO_TEST_CASE(one_that_is_missing_is_looked_for_again) {
    machine m;
    m.start();
    WANTS(m.link_seen(none), {action::tell_absent, action::retry});
    BOOST_TEST(m.now() == state::absent);
    WANTS(m.look_again(), {action::look});
    WANTS(m.link_seen(none), {action::tell_absent, action::retry});
    WANTS(m.link_seen(lowered), {action::tell_down, action::retry});
    BOOST_TEST(m.now() == state::down);
    WANTS(m.look_again(), {action::look});
    WANTS(m.link_seen(up), {action::open});
}

BOOST_AUTO_TEST_CASE(what_cannot_be_opened_may_have_gone_meanwhile) {
    for (const auto& [link, wanted, becomes] : {std::tuple{none, action::tell_absent, state::absent},
                                                {lowered, action::tell_down, state::down},
                                                {up, action::tell_open_failed, state::failed}}) {
        machine m;
        m.start();
        m.link_seen(up);
        WANTS(m.open_failed(), {action::look});
        BOOST_TEST(m.now() == state::doubtful);
        WANTS(m.link_seen(link), {wanted, action::retry});
        BOOST_TEST(m.now() == becomes);
        WANTS(m.look_again(), {action::look});
        WANTS(m.link_seen(up), {action::open});
    }
}

BOOST_AUTO_TEST_CASE(one_that_is_down_is_heard_again_without_opening) {
    auto m = machine().listening();
    WANTS(m.read(0, at(0)), {action::wait, action::look});
    WANTS(m.link_seen(lowered), {action::tell_down, action::retry});
    BOOST_TEST(m.now() == state::deaf);
    WANTS(m.read(0, at(1)), {action::wait, action::look});
    BOOST_TEST(m.now() == state::deaf);
    WANTS(m.look_again(), {action::look});
    WANTS(m.link_seen(up), {action::tell_listening});
    BOOST_TEST(m.now() == state::quiet);
    m.link_seen(lowered);
    WANTS(m.read(1, at(2)), {action::wait});
    BOOST_TEST(m.now() == state::quiet);
    WANTS(m.look_again(), {action::look}); // the retry of before
    WANTS(m.link_seen(up), {action::tell_listening});
}

BOOST_AUTO_TEST_CASE(another_interface_of_the_same_name_is_opened_afresh) {
    for (const bool deaf : {false, true}) {
        auto m = machine().listening();
        if (deaf) m.link_seen(lowered);
        WANTS(m.link_seen({4, true}), {action::close, action::open});
        BOOST_TEST(m.now() == state::opening);
        m.opened();
        WANTS(m.link_seen({5, false}), {action::close, action::tell_down, action::retry});
        BOOST_TEST(m.now() == state::down);
        WANTS(m.link_seen(none), {action::tell_absent, action::retry});
    }
    auto m = machine().listening();
    WANTS(m.link_seen(none), {action::close, action::tell_absent, action::retry});
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_closed_and_opened_again_later) {
    auto m = machine().listening();
    WANTS(m.read_failed(), {action::close, action::tell_read_failed, action::retry});
    BOOST_TEST(m.now() == state::failed);
    WANTS(m.read_failed(), {});
    WANTS(m.read(1, at(0)), {});
    WANTS(m.look_again(), {action::look});
    WANTS(m.link_seen(up), {action::open});
}

BOOST_AUTO_TEST_CASE(packets_gather_while_many_come) {
    auto m = machine().listening();
    for (int i = 0; i < 100; ++i) WANTS(m.read(1, at(i)), {action::wait});
    WANTS(m.read(200, at(100)), {action::pause});
    BOOST_TEST(m.now() == state::busy);
    WANTS(m.read(source_machine::most_per_turn, at(100.5)), {action::yield});
    WANTS(m.read(1, at(101)), {action::pause}); // a flood is remembered for a moment
    WANTS(m.read(0, at(103)), {action::wait, action::look});
    BOOST_TEST(m.now() == state::quiet);
}

BOOST_AUTO_TEST_CASE(ten_thousand_a_second_are_quiet_and_some_knocks_at_once_too) {
    io::load_meter load;
    for (int i = 0; i < 10000; ++i) BOOST_REQUIRE(!load.busy(at(i * 0.1), 1));
    BOOST_TEST(!load.busy(at(2000), 128));
    BOOST_TEST(load.busy(at(2000), 1));
    BOOST_TEST(!load.busy(at(2003), 1));
}

BOOST_AUTO_TEST_CASE(a_stopped_one_does_nothing_more) {
    auto m = machine().listening();
    WANTS(m.stop(), {action::close});
    BOOST_TEST(m.now() == state::stopped);
    WANTS(m.look_again(), {});
    WANTS(m.link_seen(up), {});
    WANTS(m.read(1, at(0)), {});
    WANTS(m.read_failed(), {});
    WANTS(m.opened(), {});
    WANTS(m.open_failed(), {});
}

BOOST_AUTO_TEST_SUITE_END()
