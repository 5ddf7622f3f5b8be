#include "io/capture/log_follower.hpp"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <ostream>
#include <sstream>
#include <vector>

using namespace chronoknock;
using io::file_state;
using io::log_follower;
using action = log_follower::action;
using actions = log_follower::actions;

namespace chronoknock::io {
std::ostream& operator<<(std::ostream& out, log_follower::action a) {
    static constexpr const char* names[] = {"look",
                                            "open",
                                            "close",
                                            "read",
                                            "read_ends",
                                            "wait",
                                            "pause",
                                            "yield",
                                            "tell_following",
                                            "tell_absent",
                                            "tell_open_failed",
                                            "tell_read_failed",
                                            "tell_replaced",
                                            "tell_truncated",
                                            "tell_rewritten"};
    return out << names[static_cast<int>(a)];
}
std::ostream& operator<<(std::ostream& out, const log_follower::actions& all) {
    for (const auto a : all) out << a << ' ';
    return out;
}
} // namespace chronoknock::io

namespace {

using texts = std::vector<std::string>;

std::string in_words(const std::vector<action>& all) {
    std::ostringstream out;
    for (const auto a : all) out << a << ' ';
    return out.str();
}

#define WANTS(todo, ...) BOOST_TEST((todo) == (actions __VA_ARGS__))

/// A folder with one name in it, as the machine sees it: carries out what the machine wants until it waits.
struct world {
    struct file {
        std::uint64_t inode = 0;
        std::string text;
        bool old = false; ///< not modified since the start
    };
    file* named = nullptr;
    file* held = nullptr;
    log_follower machine{0};
    texts lines;
    std::vector<action> done; ///< but look, read and read_ends
    bool may_open = true;
    bool may_read = true;
    std::size_t reads = 0;

    static std::optional<file_state> state(const file* f) {
        if (!f) return std::nullopt;
        const auto version = std::hash<std::string>{}(f->text) >> 1; // for the time of its last change
        return file_state{1, f->inode, f->text.size(), f->old ? -1 : static_cast<std::int64_t>(version)};
    }

    actions carry_out(action a) {
        if (a != action::look && a != action::read && a != action::read_ends) done.push_back(a);
        switch (a) {
        case action::look:
            return machine.looked(state(named), state(held));
        case action::open:
            if (!may_open) return machine.open_failed();
            held = named;
            return machine.opened(*state(held));
        case action::close:
            held = nullptr;
            return {};
        case action::read: {
            ++reads;
            if (!may_read) return machine.read_failed();
            BOOST_REQUIRE(machine.offset() <= held->text.size());
            const auto bytes = held->text.substr(machine.offset(), log_follower::most_per_read);
            return machine.read(bytes, [this](std::string_view one) { lines.emplace_back(one); });
        }
        case action::read_ends: {
            if (!may_read) return machine.read_failed();
            const auto& text = held->text;
            const auto end_at = text.size() - std::min(text.size(), log_follower::most_per_read);
            return machine.ends(text.substr(0, log_follower::most_head), text.substr(end_at), end_at);
        }
        default:
            return {};
        }
    }

    /// One turn. Gives what was done in it, and the lines that came.
    std::vector<action> turn() {
        done.clear();
        lines.clear();
        reads = 0;
        actions todo = machine.wake();
        while (!todo.empty()) {
            actions next;
            for (const auto a : todo) {
                const auto more = carry_out(a);
                next.insert(next.end(), more.begin(), more.end());
            }
            todo = next;
        }
        return done;
    }
};

/// What a turn has to do, looks and readings left out.
#define TURN(w, ...) BOOST_TEST(in_words((w).turn()) == in_words(__VA_ARGS__))
#define LINES(w, ...) BOOST_TEST((w).lines == (texts __VA_ARGS__), boost::test_tools::per_element())

} // namespace

BOOST_AUTO_TEST_SUITE(log_followers)

BOOST_AUTO_TEST_CASE(from_the_end_that_there_is_at_the_start) {
    world w;
    world::file f{7, "old\nolder\n"};
    w.named = &f;
    TURN(w, {action::open, action::tell_following, action::pause});
    LINES(w, {});
    TURN(w, {action::wait});
    f.text += "new\n";
    TURN(w, {action::pause});
    LINES(w, {"new"});
    TURN(w, {action::wait});
}

BOOST_AUTO_TEST_CASE(the_rest_of_a_line_that_had_begun_is_no_line) {
    world w;
    world::file f{7, "old\nhalf of an ol"};
    w.named = &f;
    w.turn();
    f.text += "d one\nnew\n";
    w.turn();
    LINES(w, {"new"});
}

BOOST_AUTO_TEST_CASE(an_empty_file) {
    world w;
    world::file f{7, ""};
    w.named = &f;
    TURN(w, {action::open, action::tell_following, action::wait});
    f.text = "first\n";
    w.turn();
    LINES(w, {"first"});
}

BOOST_AUTO_TEST_CASE(one_that_comes_late_is_read_from_its_beginning) {
    world w;
    TURN(w, {action::tell_absent, action::wait});
    TURN(w, {action::tell_absent, action::wait});
    world::file f{7, "first\nsec"};
    w.named = &f;
    TURN(w, {action::open, action::tell_following, action::pause});
    LINES(w, {"first"});
    f.text += "ond\n";
    w.turn();
    LINES(w, {"second"});
}

BOOST_AUTO_TEST_CASE(rotation_reads_the_old_one_to_its_end) {
    world w;
    world::file old{7, "old\n"}, fresh{8, ""};
    w.named = &old;
    w.turn();
    w.named = nullptr; // renamed; the writer does not know yet
    old.text += "one\n";
    TURN(w, {action::pause});
    LINES(w, {"one"});
    w.named = &fresh; // logrotate made it; the writer still has the old one
    old.text += "two\n";
    TURN(w, {action::pause});
    LINES(w, {"two"});
    TURN(w, {action::wait});
    old.text += "three\nhalf"; // and now it has gone over
    fresh.text = "four\n";
    TURN(w, {action::close, action::tell_replaced, action::open, action::tell_following, action::pause});
    LINES(w, {"three", "four"});
    BOOST_TEST(w.machine.lines().cut() == 1u);
    fresh.text += "five\n";
    w.turn();
    LINES(w, {"five"});
}

BOOST_AUTO_TEST_CASE(a_hard_link_to_another_device_is_another_file) {
    world w;
    world::file f{7, ""};
    w.named = &f;
    w.turn();
    WANTS(w.machine.looked(file_state{2, 7, 1}, file_state{1, 7, 0}),
          {action::close, action::tell_replaced, action::open});
}

BOOST_AUTO_TEST_CASE(a_file_that_is_cut_to_nothing_is_read_from_its_beginning) {
    world w;
    world::file f{7, "old\nolder\n"};
    w.named = &f;
    w.turn();
    f.text = "new\n";
    TURN(w, {action::tell_truncated, action::pause});
    LINES(w, {"new"});
    // What had begun before is no part of what comes now.
    f.text += "half";
    w.turn();
    f.text = "x\n";
    w.turn();
    LINES(w, {"x"});
    BOOST_TEST(w.machine.lines().cut() == 1u);
}

BOOST_AUTO_TEST_CASE(also_if_it_has_grown_again_meanwhile) {
    world w;
    world::file f{7, "old\n"};
    w.named = &f;
    w.turn();
    f.text += "one\n";
    w.turn();
    f.text = "two, longer than all that there was\nthree\n";
    TURN(w, {action::tell_truncated, action::pause});
    LINES(w, {"two, longer than all that there was", "three"});
    f.text = std::string(f.text.size() - 1, 'x') + "\n"; // to the very size that it had
    TURN(w, {action::tell_truncated, action::pause});
    BOOST_TEST(w.lines.size() == 1u);
    TURN(w, {action::wait});
    // A writer that goes on at its old place leaves zeros.
    f.text = std::string(f.text.size(), '\0') + "four\n";
    TURN(w, {action::tell_truncated, action::pause});
    LINES(w, {"four"});
}

BOOST_AUTO_TEST_CASE(cut_between_the_look_and_the_reading) {
    world w;
    world::file f{7, "old\n"};
    w.named = &f;
    w.turn();
    WANTS(w.machine.looked(file_state{1, 7, 9}, file_state{1, 7, 9}), {action::read});
    WANTS(w.machine.read("", [](std::string_view) {}), {action::read_ends});
    WANTS(w.machine.ends("", "", 0), {action::tell_truncated, action::look});
    f.text = "new\n";
    w.turn();
    LINES(w, {"new"});
}

/// A log of so many lines, each with a time of its own.
std::string log_of(int first, int last) {
    std::string text;
    for (int n = first; n < last; ++n)
        text += "Nov 28 16:25:10 server kernel: [" + std::to_string(100000 + n) + "] knock\n";
    return text;
}

BOOST_AUTO_TEST_CASE(what_was_read_does_not_come_again_in_a_copy) {
    const auto text = log_of(0, 1000);
    const auto shortened = log_of(0, 500) + log_of(501, 1000);
    const auto last_one_deleted = log_of(0, 999);
    for (const bool in_place : {false, true})
        for (const auto& [copy, lines] :
             std::vector<std::pair<std::string, texts>>{{text + "new\n", {"new"}}, // an editor's
                                                        {"x\n" + text + "new\n", {"new"}},
                                                        {shortened, {}},
                                                        {shortened + "new\n", {"new"}},
                                                        {last_one_deleted, {}},
                                                        {text.substr(0, text.size() - 3), {}}}) {
            world w;
            world::file f{7, ""}, other{8, copy};
            w.named = &f;
            w.turn();
            f.text = text;
            w.turn();
            BOOST_TEST(w.lines.size() == 1000u);
            if (in_place)
                f.text = copy;
            else
                w.named = &other;
            w.turn();
            BOOST_TEST(w.lines == lines, boost::test_tools::per_element());
            w.turn();
            LINES(w, {});
            w.named->text += "\nnewer\n";
            w.turn();
            BOOST_TEST_REQUIRE(!w.lines.empty());
            BOOST_TEST(w.lines.back() == "newer");
            BOOST_TEST(w.lines.size() <= 2u);
        }
}

BOOST_AUTO_TEST_CASE(nor_when_it_is_emptied_and_written_again) {
    world w;
    world::file f{7, log_of(0, 1000)};
    w.named = &f;
    w.turn();
    f.text += log_of(1000, 1010);
    w.turn();
    BOOST_TEST(w.lines.size() == 10u);
    const auto text = f.text;
    f.text = "";
    TURN(w, {action::tell_truncated, action::wait});
    TURN(w, {action::wait});
    f.text = "x\n" + text;
    TURN(w, {action::tell_rewritten, action::pause});
    LINES(w, {});
    f.text += "new\n";
    w.turn();
    LINES(w, {"new"});
    f.text = "";
    w.turn();
    f.text = log_of(2000, 2003); // another log
    TURN(w, {action::pause});
    BOOST_TEST(w.lines.size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_file_cut_shorter_is_read_from_its_new_end) {
    world w;
    world::file f{7, log_of(0, 1000)};
    w.named = &f;
    w.turn();
    f.text = log_of(0, 10) + "half of a";
    TURN(w, {action::tell_rewritten, action::pause});
    LINES(w, {});
    f.text += " line\nnew\n";
    w.turn();
    LINES(w, {"new"});
}

BOOST_AUTO_TEST_CASE(a_late_file_of_before_the_start_is_read_from_its_end) {
    world w;
    TURN(w, {action::tell_absent, action::wait});
    world::file f{7, "old\n", true};
    w.named = &f;
    TURN(w, {action::open, action::tell_following, action::pause});
    LINES(w, {});
    f.old = false;
    f.text += "new\n";
    w.turn();
    LINES(w, {"new"});
    world::file older{8, "older\n", true}; // put in its place
    w.named = &older;
    w.turn();
    LINES(w, {});
}

BOOST_AUTO_TEST_CASE(a_turn_is_bounded) {
    world w;
    world::file f{7, ""};
    w.named = &f;
    w.turn();
    const std::string one(99, 'a');
    while (f.text.size() < 2 * log_follower::most_per_turn) f.text += one + "\n";
    f.text += "last\n";
    std::size_t lines = 0, turns = 0;
    while (w.lines.empty() || w.lines.back() != "last") {
        const auto did = w.turn();
        lines += w.lines.size();
        ++turns;
        BOOST_REQUIRE(w.reads <= log_follower::most_per_turn / log_follower::most_per_read + 1);
        BOOST_REQUIRE(turns < 10u);
        BOOST_TEST((did.back() == action::yield || w.lines.back() == "last"));
    }
    BOOST_TEST(turns > 1u);
    BOOST_TEST(lines == f.text.size() / 100 + 1);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_opened_or_read_is_tried_again) {
    world w;
    world::file f{7, "old\n"};
    w.named = &f;
    w.may_open = false;
    TURN(w, {action::open, action::tell_open_failed, action::wait});
    w.may_open = true;
    f.text += "older\n";
    TURN(w, {action::open, action::tell_following, action::pause});
    LINES(w, {}); // it was there at the start: from its end
    f.text += "new\n";
    w.may_read = false;
    TURN(w, {action::close, action::tell_read_failed, action::wait});
    w.may_read = true;
    w.turn();
    f.text += "newer\n";
    w.turn();
    LINES(w, {"newer"});
}

BOOST_AUTO_TEST_SUITE_END()
