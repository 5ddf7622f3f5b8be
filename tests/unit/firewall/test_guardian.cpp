#include "firewall/guardian.hpp"

#include <boost/test/unit_test.hpp>

using chronoknock::firewall::guardian;
using kind = guardian::kind;
using state = guardian::state;
using sight = guardian::sight;
using actions = guardian::actions;

namespace {

const guardian::written whole{};
const guardian::written unread{.verified = false};
const actions nothing{};
const actions look{{kind::look}};
const guardian::action removed{kind::warning,
                               "firewall: somebody has removed or changed the table: setting it up again"};
const guardian::action back{kind::info, "firewall: the table is set up again"};
const guardian::action failing{kind::error, "nft: no: trying again"};

/// A machine, and what each input made of it.
struct machine {
    guardian g;

    void gives(const actions& a, const actions& expected, state then) {
        BOOST_TEST((a == expected));
        BOOST_TEST((g.now() == then));
    }
    static machine in(state s) {
        machine m;
        if (s == state::idle) return m;
        m.g.asked();
        if (s == state::setting_up) return m;
        m.g.wrote(s == state::unverified ? unread : whole);
        if (s == state::repairing || s == state::lost) m.g.saw(sight::changed);
        if (s == state::lost) m.g.not_written("nft: no");
        if (s == state::stopped) m.g.stop();
        BOOST_TEST_REQUIRE((m.g.now() == s));
        return m;
    }
};

constexpr state all_states[] = {state::idle,      state::setting_up, state::standing, state::unverified,
                                state::repairing, state::lost,       state::stopped};

} // namespace

BOOST_AUTO_TEST_SUITE(guardian_of_the_table)

BOOST_AUTO_TEST_CASE(rules_asked_for_are_written) {
    for (const auto from : {state::idle, state::standing, state::unverified}) {
        auto m = machine::in(from);
        m.gives(m.g.asked(), {{kind::write}}, state::setting_up);
        m.gives(m.g.wrote(whole), nothing, state::standing);
    }
    auto m = machine::in(state::lost);
    m.gives(m.g.asked(), {{kind::write_lost}}, state::setting_up);
    m.gives(m.g.wrote(whole), {back, {kind::put_back}}, state::standing);
    m = machine::in(state::stopped);
    m.gives(m.g.asked(), nothing, state::stopped);
}

BOOST_AUTO_TEST_CASE(rules_that_cannot_be_written_leave_all_as_it_was) {
    for (const auto from : {state::idle, state::standing, state::unverified, state::lost}) {
        auto m = machine::in(from);
        m.g.asked();
        m.gives(m.g.not_written("nft: no"), nothing, from); // whoever asked says it
    }
}

BOOST_AUTO_TEST_CASE(grants_go_back_into_a_table_that_was_made_anew) {
    auto m = machine::in(state::setting_up);
    m.gives(m.g.wrote({.kept = false}), {{kind::put_back}}, state::standing);
    m.g.saw(sight::changed);
    m.gives(m.g.wrote({.kept = false}), {{kind::put_back}}, state::standing);
}

BOOST_AUTO_TEST_CASE(a_change_of_some_table_is_looked_into) {
    for (const auto from : {state::standing, state::unverified}) {
        auto m = machine::in(from);
        m.gives(m.g.notified(), look, from);
        m.gives(m.g.saw(sight::whole), nothing, state::standing);
    }
    for (const auto from : {state::idle, state::setting_up, state::repairing, state::stopped}) {
        auto m = machine::in(from);
        m.gives(m.g.notified(), nothing, from);
        for (const auto s : {sight::whole, sight::outdated, sight::changed, sight::unreadable})
            m.gives(m.g.saw(s), nothing, from);
    }
    auto m = machine::in(state::lost); // it is known to be gone
    m.gives(m.g.notified(), {{kind::write_lost}}, state::repairing);
}

BOOST_AUTO_TEST_CASE(a_changed_table_is_written_again) {
    for (const auto s : {sight::changed, sight::unreadable}) {
        auto m = machine::in(state::standing);
        m.gives(m.g.saw(s), {removed, {kind::pause}, {kind::write_lost}}, state::repairing);
        m.gives(m.g.wrote(whole), nothing, state::standing);
        m.gives(m.g.saw(s), {removed, {kind::write_lost}}, state::repairing); // the pause is under way
    }
}

BOOST_AUTO_TEST_CASE(a_table_of_another_world_is_written_anew_and_was_never_down) {
    auto m = machine::in(state::standing);
    m.gives(m.g.saw(sight::outdated), {{kind::pause}, {kind::write}}, state::repairing);
    m.gives(m.g.wrote(whole), nothing, state::standing);
}

BOOST_AUTO_TEST_CASE(a_table_that_is_lost_is_told_of_once_and_tried_for_ever) {
    auto m = machine::in(state::standing);
    m.g.saw(sight::changed);
    m.gives(m.g.not_written("nft: no"), {failing}, state::lost);
    for (int i = 0; i < 3; ++i) {
        m.gives(m.g.pause_over(), {{kind::pause}, {kind::write_lost}}, state::repairing);
        m.gives(m.g.not_written("nft: no"), nothing, state::lost);
    }
    m.gives(m.g.pause_over(), {{kind::pause}, {kind::write_lost}}, state::repairing);
    m.gives(m.g.wrote(whole), {back, {kind::put_back}}, state::standing);
    m.gives(m.g.pause_over(), look, state::standing);
    m.gives(m.g.saw(sight::whole), nothing, state::standing);
    m.gives(m.g.saw(sight::changed), {removed, {kind::pause}, {kind::write_lost}}, state::repairing);
}

BOOST_AUTO_TEST_CASE(two_that_undo_each_others_work_pause) {
    auto m = machine::in(state::standing);
    for (int i = 0; i < guardian::most_tries; ++i) {
        m.gives(m.g.notified(), look, state::standing);
        const actions first{removed, {kind::pause}, {kind::write_lost}}, later{removed, {kind::write_lost}};
        m.gives(m.g.saw(sight::changed), i == 0 ? first : later, state::repairing);
        m.gives(m.g.wrote(whole), nothing, state::standing);
    }
    m.gives(m.g.notified(), nothing, state::standing);
    m.gives(m.g.pause_over(), look, state::standing);
}

BOOST_AUTO_TEST_CASE(a_written_table_that_cannot_be_read_back_stands_and_is_read_later) {
    auto m = machine::in(state::setting_up);
    m.gives(m.g.wrote(unread), {{kind::pause}}, state::unverified);
    m.gives(m.g.notified(), look, state::unverified);
    m.gives(m.g.saw(sight::unreadable), nothing, state::unverified); // the pause is under way
    for (int i = 0; i < 3; ++i) {
        m.gives(m.g.pause_over(), look, state::unverified);
        m.gives(m.g.saw(sight::unreadable), {{kind::pause}}, state::unverified);
    }
    m.gives(m.g.saw(sight::whole), nothing, state::standing);

    m = machine::in(state::unverified); // it may be somebody else's work
    m.gives(m.g.saw(sight::outdated), {{kind::write}}, state::repairing);
    m.gives(m.g.wrote(unread), nothing, state::unverified);
    m.gives(m.g.saw(sight::changed), {removed, {kind::write_lost}}, state::repairing);
    m.gives(m.g.not_written("nft: no"), {failing}, state::lost);
}

BOOST_AUTO_TEST_CASE(what_goes_on_is_admitted_part_by_part) {
    auto m = machine::in(state::setting_up);
    m.gives(m.g.wrote({.rest = true}), {{kind::admit_rest}}, state::standing);
    m.gives(m.g.admitted(true), {{kind::admit_rest}}, state::standing);
    m.g.asked();
    m.gives(m.g.wrote({.rest = true}), nothing, state::standing); // a turn is to come already
    m.gives(m.g.admitted(false), nothing, state::standing);
    m.g.asked();
    m.gives(m.g.wrote({.rest = true}), {{kind::admit_rest}}, state::standing);
    m.g.withdrawn();
    m.gives(m.g.admitted(true), nothing, state::idle);
}

BOOST_AUTO_TEST_CASE(a_guard_that_was_withdrawn_or_stopped_is_left_alone) {
    for (const auto from : all_states) {
        auto m = machine::in(from);
        m.gives(m.g.withdrawn(), nothing, from == state::stopped ? from : state::idle);
        m = machine::in(from);
        m.gives(m.g.stop(), nothing, state::stopped);
        m.gives(m.g.withdrawn(), nothing, state::stopped);
        for (const auto end : {state::idle, state::stopped}) {
            auto over = machine::in(end);
            over.gives(over.g.notified(), nothing, end);
            over.gives(over.g.saw(sight::changed), nothing, end);
            over.gives(over.g.wrote(whole), nothing, end);
            over.gives(over.g.not_written("nft: no"), nothing, end);
            over.gives(over.g.admitted(true), nothing, end);
            over.gives(over.g.pause_over(), nothing, end);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
