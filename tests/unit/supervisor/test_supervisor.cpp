#include "supervisor/supervisor.hpp"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <map>

using chronoknock::supervisor;
using kind = supervisor::kind;
using state = supervisor::state;
using actions = supervisor::actions;

namespace {

const actions nothing{};
const supervisor::action why{kind::failed, "no"};
const supervisor::action stops{kind::failed, "the server is stopping"};

/// One in a state; asked: to reload once more, where that is put off.
supervisor in(state s, bool asked = false) {
    supervisor v;
    const auto is = [&] { return v.now() == s; };
    if (s == state::rereading) v.reload();
    if (!is() && s != state::starting) v.started();
    if (!is() && s != state::starting && s != state::running) v.reload();
    if (s == state::warming || s == state::preparing) v.read();
    if (s == state::preparing) v.warmed();
    if (s == state::stopping || s == state::stopped)
        v = supervisor(), v.started(), v.stop(s == state::stopping);
    BOOST_TEST_REQUIRE(is());
    if (asked) BOOST_TEST((v.reload() == nothing));
    return v;
}

struct outcome {
    actions todo;
    state then;
};
using event = std::function<actions(supervisor&)>;

/// What an event makes of each state; of one that is not named, nothing.
void gives(const event& e, const std::map<state, outcome>& expected, bool asked = false) {
    for (const auto s : {state::starting, state::rereading, state::running, state::reading, state::warming,
                         state::preparing, state::stopping, state::stopped}) {
        const bool puts_off = s == state::rereading || s == state::reading || s == state::preparing;
        if (asked && !puts_off) continue;
        auto v = in(s, asked);
        const auto todo = e(v);
        const auto found = expected.find(s);
        const auto wanted = found == expected.end() ? outcome{nothing, s} : found->second;
        BOOST_TEST((todo == wanted.todo), "state " << static_cast<int>(s));
        BOOST_TEST((v.now() == wanted.then), "state " << static_cast<int>(s));
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(life_of_a_server)

BOOST_AUTO_TEST_CASE(it_begins_with_what_it_needs) {
    supervisor v;
    BOOST_TEST((v.now() == state::starting));
    BOOST_TEST((v.start() == actions{{kind::set_up}}));
    BOOST_TEST((v.now() == state::starting));
}

BOOST_AUTO_TEST_CASE(started) {
    gives([](auto& v) { return v.started(); }, {{state::starting, {{{kind::serve}}, state::running}},
                                                {state::rereading, {{{kind::serve}}, state::reading}}});
}

BOOST_AUTO_TEST_CASE(asked_to_reload) {
    gives([](auto& v) { return v.reload(); },
          {{state::starting, {{{kind::read}}, state::rereading}},
           {state::running, {{{kind::read}}, state::reading}},
           {state::warming, {{{kind::drop}, {kind::read}}, state::reading}},
           {state::stopping, {{stops}, state::stopping}},
           {state::stopped, {{stops}, state::stopped}}});
}

BOOST_AUTO_TEST_CASE(read) {
    const event e = [](auto& v) { return v.read(); };
    gives(e, {{state::rereading, {{{kind::adopt}, {kind::succeeded}, {kind::set_up}}, state::starting}},
              {state::reading, {{{kind::warm}}, state::warming}}});
    gives(e,
          {{state::rereading, {{{kind::drop}, {kind::read}}, state::rereading}},
           {state::reading, {{{kind::drop}, {kind::read}}, state::reading}}},
          true);
}

BOOST_AUTO_TEST_CASE(not_read) {
    const event e = [](auto& v) { return v.not_read("no"); };
    gives(e, {{state::rereading, {{why}, state::starting}}, {state::reading, {{why}, state::running}}});
    gives(e,
          {{state::rereading, {{{kind::read}}, state::rereading}},
           {state::reading, {{{kind::read}}, state::reading}}},
          true);
}

BOOST_AUTO_TEST_CASE(warmed) {
    gives([](auto& v) { return v.warmed(); }, {{state::warming, {{{kind::prepare}}, state::preparing}}});
    gives([](auto& v) { return v.not_warmed("no"); },
          {{state::warming, {{{kind::drop}, why}, state::running}}});
}

BOOST_AUTO_TEST_CASE(prepared) {
    const event e = [](auto& v) { return v.prepared(); };
    gives(e, {{state::preparing, {{{kind::take_over}, {kind::succeeded}}, state::running}}});
    gives(e, {{state::preparing, {{{kind::take_over}, {kind::read}}, state::reading}}}, true);
}

BOOST_AUTO_TEST_CASE(not_prepared) {
    const event e = [](auto& v) { return v.not_prepared("no"); };
    gives(e, {{state::preparing, {{{kind::drop}, why}, state::running}}});
    gives(e, {{state::preparing, {{{kind::drop}, {kind::read}}, state::reading}}}, true);
}

BOOST_AUTO_TEST_CASE(asked_to_stop) {
    for (const bool remove : {false, true}) {
        const supervisor::action last{remove ? kind::withdraw : kind::close};
        const auto then = remove ? state::stopping : state::stopped;
        const outcome at_rest{{{kind::be_quiet}, last}, then};
        const outcome amid{{{kind::be_quiet}, {kind::drop}, stops, last}, then};
        const event e = [=](auto& v) { return v.stop(remove); };
        gives(e, {{state::starting, at_rest},
                  {state::running, at_rest},
                  {state::rereading, amid},
                  {state::reading, amid},
                  {state::warming, amid},
                  {state::preparing, amid}});
        gives(e, {{state::rereading, amid}, {state::reading, amid}, {state::preparing, amid}}, true);
    }
}

BOOST_AUTO_TEST_CASE(withdrawn) {
    gives([](auto& v) { return v.withdrawn(); }, {{state::stopping, {{{kind::close}}, state::stopped}}});
}

BOOST_AUTO_TEST_CASE(knocks_are_served_from_the_start_to_the_stop_whatever_is_read) {
    for (const auto s : {state::starting, state::rereading, state::stopping, state::stopped})
        BOOST_TEST(!in(s).serves());
    for (const auto s : {state::running, state::reading, state::warming, state::preparing})
        BOOST_TEST(in(s).serves());
}

BOOST_AUTO_TEST_CASE(a_reload_that_was_put_off_is_made_once) {
    auto v = in(state::reading, true);
    v.reload();
    BOOST_TEST((v.read() == actions{{kind::drop}, {kind::read}}));
    BOOST_TEST((v.read() == actions{{kind::warm}}));
}

BOOST_AUTO_TEST_SUITE_END()
