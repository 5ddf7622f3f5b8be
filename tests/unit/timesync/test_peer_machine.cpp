// Every input of the machine in every state: where it goes, when it acts next, what it wants done and says.
#include "exchange.hpp"
#include "timesync/peer.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>

using namespace exchanges;
using namespace chronoknock::timesync;

namespace {

const endpoint first{*address::parse("192.0.2.1"), 123};

struct machine {
    settings s;
    peer p;
    instant now{1000s};

    explicit machine(bool nts = false) : p(server_settings{"a", nts}, s) {}

    /// Each input answers with the state after it, the seconds until its deadline, what it wants and what it
    /// says.
    std::string told(peer::want w = peer::want::nothing) {
        std::string text{to_string(p.state())};
        text += p.query() ? " asked " : " ";
        text += std::to_string((p.deadline() - now) / 1s) + "s";
        if (w == peer::want::send) text += " send";
        if (w == peer::want::locate) text += " locate";
        if (const auto news = p.take_news()) text += " '" + *news + "'";
        return text;
    }
    std::string poll() {
        return told(p.poll(now, [] { return std::uint64_t(64); }));
    }
    std::string due() {
        now = std::max(now, p.deadline());
        return poll();
    }
    std::string located() { return p.locate({first}, now), told(); }
    std::string failed() { return p.failed("no way", now), told(); }
    std::string refused() { return p.refused("refused", now), told(); }
    std::string wake() { return p.wake(now), told(); }
    std::string no_address() { return p.stand_by(now), told(); }
    std::string hurry() { return p.hurry(now), told(); }
    std::string hasten() { return p.hasten(now), told(); }
    std::string receive(ntp_header h, bool authenticated = false) {
        const exchange x{p.query().value_or(ntp_timestamp{}), now, now, authenticated};
        p.receive(h, x, {}, boot_moment);
        return told();
    }
    std::string answer() { return receive(honest(p.query().value_or(ntp_timestamp{}), now, 0s), p.nts()); }
    /// Without proof it counts when the query is over.
    std::string kiss(const char* code, bool authenticated = false) {
        const auto text = receive(kissing(p.query().value_or(ntp_timestamp{}), code), authenticated);
        return authenticated || !p.query() ? text : due();
    }
    std::string forged() {
        auto h = honest(p.query().value_or(ntp_timestamp{}), now, 0s);
        h.origin.bits ^= 2;
        return receive(h);
    }

    machine& to(peer_state state) {
        if (state == peer_state::locating) return *this;
        due();
        if (state == peer_state::finding) return *this;
        located();
        if (state == peer_state::burst) return *this;
        if (state == peer_state::silent)
            while (p.state() != state) due();
        if (state == peer_state::spare) no_address();
        while (p.state() != state) {
            due();
            if (state == peer_state::stopped)
                kiss("DENY", true);
            else
                answer();
        }
        p.take_news();
        return *this;
    }
    machine& asked() {
        while (!p.query()) due();
        return *this;
    }
};

using input = std::string (machine::*)();
struct row {
    peer_state from;
    bool asked; ///< with a query out
    const char *due, *located, *failed, *refused, *answer, *forged, *hurry, *hasten, *wake, *no_address;
};

} // namespace

BOOST_AUTO_TEST_SUITE(time_peer_machine)

BOOST_AUTO_TEST_CASE(each_input_in_each_state) {
    using enum peer_state;
    const row rows[] = {
        {locating, false, "finding 60s locate", "burst 0s", "locating 4s 'no way'", "locating -1000s",
         "locating -1000s", "locating -1000s", "locating 0s", "locating -1000s", "locating -1000s",
         "spare 1024s"},
        {finding, false, "finding 60s locate", "burst 0s", "locating 4s 'no way'", "finding 60s",
         "finding 60s", "finding 60s", "finding 60s", "finding 60s", "finding 60s", "spare 1024s"},
        {burst, false, "burst asked 1s send", "burst 0s", "locating 4s 'no way'", "burst 0s", "burst 0s",
         "burst 0s", "burst 0s", "burst 0s", "burst 0s", "spare 1024s"},
        {burst, true, "burst asked 2s send", "burst asked 1s", "locating 4s 'no way'", "silent 16s 'refused'",
         "burst 2s 'answers'", "burst asked 1s 'not an answer to the query'", "burst 0s", "burst asked 1s",
         "burst asked 1s", "spare 1024s"},
        {steady, false, "steady asked 1s send", "steady 64s", "locating 4s 'no way'", "steady 64s",
         "steady 64s", "steady 64s", "burst 0s", "steady 64s", "steady 16s", "spare 1024s"},
        {steady, true, "steady 64s", "steady asked 1s", "locating 4s 'no way'", "steady 64s", "steady 64s",
         "steady asked 1s 'not an answer to the query'", "burst 0s", "steady asked 1s", "burst 0s",
         "spare 1024s"},
        {silent, false, "silent asked 4s send", "silent 16s", "locating 4s", "silent 16s", "silent 16s",
         "silent 16s", "burst 0s", "silent 16s", "silent 12s", "spare 1024s"},
        {silent, true, "silent 32s", "silent asked 4s", "locating 4s", "silent 32s", "burst 2s 'answers'",
         "silent asked 4s", "burst 0s", "silent asked 4s", "silent asked 4s", "spare 1024s"},
        {stopped, false, "finding 60s locate", "stopped 86400s", "stopped 86400s", "stopped 86400s",
         "stopped 86400s", "stopped 86400s", "stopped 86400s", "stopped 86400s", "stopped 86400s",
         "stopped 86400s"},
        {spare, false, "finding 60s locate", "spare 1024s", "spare 1024s", "spare 1024s", "spare 1024s",
         "spare 1024s", "spare 1024s", "spare 1024s", "spare 1024s", "spare 1024s"},
    };
    for (const auto& r : rows) {
        const std::pair<input, const char*> inputs[] = {
            {&machine::due, r.due},       {&machine::located, r.located},
            {&machine::failed, r.failed}, {&machine::refused, r.refused},
            {&machine::answer, r.answer}, {&machine::forged, r.forged},
            {&machine::hurry, r.hurry},   {&machine::hasten, r.hasten},
            {&machine::wake, r.wake},     {&machine::no_address, r.no_address}};
        for (std::size_t i = 0; i < std::size(inputs); ++i) {
            machine m;
            m.to(r.from);
            if (r.asked) m.asked();
            BOOST_TEST_CONTEXT("in " << to_string(r.from) << (r.asked ? " asked" : "") << ", input " << i)
            BOOST_TEST((m.*inputs[i].first)() == inputs[i].second);
        }
    }
}

BOOST_AUTO_TEST_CASE(each_kiss_in_each_state_that_asks) {
    using enum peer_state;
    const struct {
        peer_state from;
        const char *rate, *deny, *init, *other;
    } rows[] = {
        {burst, "silent 128s 'wants fewer queries (RATE): not more often than each 128s'",
         "silent 128s 'refuses us (DENY): not more often than each 128s'",
         "burst asked 2s send 'the server is not synchronised yet (INIT)'",
         "burst asked 2s send 'unknown kiss code'"},
        {steady, "steady 128s 'wants fewer queries (RATE): not more often than each 128s'",
         "steady 128s 'refuses us (DENY): not more often than each 128s'",
         "steady 64s 'the server is not synchronised yet (INIT)'", "steady 64s 'unknown kiss code'"},
        {silent, "silent 128s 'wants fewer queries (RATE): not more often than each 128s'",
         "silent 128s 'refuses us (DENY): not more often than each 128s'", "silent 32s", "silent 32s"},
    };
    for (const auto& r : rows) {
        const std::pair<const char*, const char*> kisses[] = {
            {"RATE", r.rate}, {"DENY", r.deny}, {"INIT", r.init}, {"XTRA", r.other}};
        for (const auto& [code, expected] : kisses) BOOST_TEST_CONTEXT(code << " in " << to_string(r.from))
        BOOST_TEST(machine().to(r.from).asked().kiss(code) == expected);
    }
}

BOOST_AUTO_TEST_CASE(new_keys_are_wanted_at_once_and_the_second_time_later) {
    machine m(true);
    m.to(peer_state::burst).asked();
    BOOST_TEST(m.kiss("NTSN") == "locating 0s 'does not know its cookies any more (NTSN): new keys wanted'");
    BOOST_TEST(m.due() == "finding 60s locate");
    BOOST_TEST(m.located() == "burst 0s");
    m.due();
    BOOST_TEST(m.kiss("NTSN") == "locating 8s");
}

BOOST_AUTO_TEST_CASE(who_was_long_silent_is_not_asked_in_a_burst_before_it_answers) {
    machine m;
    m.to(peer_state::silent);
    while (m.p.state() != peer_state::finding) m.due();
    BOOST_TEST(m.located() == "silent 0s");
    BOOST_TEST(m.due() == "silent asked 4s send");
    BOOST_TEST(m.answer() == "burst 2s 'answers'");
}

BOOST_AUTO_TEST_SUITE_END()
