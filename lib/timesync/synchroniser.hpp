#pragma once

#include "timesync/addresses.hpp"
#include "timesync/clock.hpp"
#include "timesync/clock_watch.hpp"
#include "timesync/leap_watch.hpp"
#include "timesync/peer.hpp"
#include "timesync/select.hpp"
#include "timesync/settings.hpp"

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// The whole of time synchronisation as one machine. Its shell sends what it is told to send, hands in what
/// comes back, arms one timer for next_deadline() and logs the changes:
///
///     loop: o = s.poll(boot_now(), system_now(), random);  do o.actions; log o.changes; wait for
///     next_deadline() answer of a server:  s.receive(...)   name resolved:  s.locate(...)   could not:
///     s.failed(...)
///
/// after each of which the timer is armed anew.
namespace chronoknock::timesync {

struct action {
    enum class kind {
        send,  ///< one query with this transmit timestamp to this endpoint, from a new socket (random source
               ///< port)
        locate ///< find where the server is: resolve its name, with NTS establish keys; answer by locate() or
               ///< failed()
    };
    kind what = kind::send;
    std::size_t server = 0; ///< index into settings::servers
    endpoint to;            ///< send
    ntp_timestamp transmit; ///< send
};

/// Something worth a line in the log; said when it changes, not each time it is seen. One line, printable.
struct change {
    enum class level { info, warning };
    level severity = level::info;
    std::string text;
};

struct outcome {
    std::vector<action> actions;
    std::vector<change> changes;
};

enum class sync_state {
    waiting,      ///< no fix yet
    synchronised, ///< servers agree
    holdover,     ///< too few agree: going by what was known, the bound growing
    lost,         ///< the bound is beyond max_error
    system_clock  ///< there are no servers to ask
};
std::string_view to_string(sync_state s);

/// A server as people see it.
struct server_report {
    std::string name;
    std::string address; ///< with port; empty before it is known
    timesync::mark mark = mark::unusable;
    peer_state state = peer_state::locating;
    bool nts = false;
    bool authenticated = false; ///< what it said last was
    std::uint8_t reach = 0;     ///< the last eight queries, a bit each, the newest lowest
    nanoseconds interval{0};    ///< between queries
    std::uint64_t refused = 0;  ///< answers that counted for nothing
    std::string problem;        ///< why it is not heard; empty if it is

    /// What its best sample says; the rest only has a meaning if there is one.
    bool sampled = false;
    std::uint8_t stratum = 0;
    std::string reference;
    nanoseconds offset{0}; ///< the server's time less the system clock
    nanoseconds delay{0};
    nanoseconds jitter{0};
    nanoseconds bound{0}; ///< on the error of offset
};

struct report {
    std::vector<server_report> servers;
    sync_state state = sync_state::waiting;
    std::size_t voices = 0;                ///< servers that have one (require_nts: those with NTS)
    std::size_t needed = 0;                ///< that must be heard, for the rest to be unable to mislead
    std::size_t agreeing = 0;              ///< marked *, + or -
    std::optional<time_estimate> estimate; ///< whatever its bound, if there ever was a fix
    nanoseconds offset{0};                 ///< of estimate: the true time less the system clock
    double frequency = 0;                  ///< the boot clock's error, seconds a second; positive: it is slow
    double frequency_bound = 0;            ///< on the error of frequency
    std::string verdict;                   ///< all of it in a line
};

class synchroniser {
public:
    explicit synchroniser(settings s);

    /// To be called at next_deadline() or when something else happened; says what to do now. Of the reading
    /// the system clock is only watched for jumps and never believed. Calls observe().
    outcome poll(const clock_reading& r, const random_source& random);
    /// To be called before now() and receive(): what happened to the machine's clocks since the last reading
    /// is then in the bound. Asks for nothing, but may move next_deadline() to the moment.
    outcome observe(const clock_reading& r);
    enum class reason {
        network, ///< it may be back: a link, an address, a route
        knock    ///< one came; counts only while there is no time
    };
    /// Asks the servers now, if they were not asked just before: strangers can bring this about.
    outcome wake(reason why, instant now);
    instant next_deadline() const;

    /// The answer to action::locate: all addresses of a server, the best first; also to be called unasked
    /// when they changed. With NTS: those that the key establishment named.
    outcome locate(std::size_t server, std::vector<endpoint> endpoints, instant now);
    /// An action could not be done: no such name, no route, no keys. why: for people, may come from a
    /// stranger.
    outcome failed(std::size_t server, std::string_view why, instant now);
    /// The network refused a query that went out (an ICMP error).
    outcome refused(std::size_t server, std::string_view why, instant now);

    /// What came back on the socket of a send action. sent: the boot clock read before sending; received:
    /// after receiving; authenticated: the NTS fields of the datagram were there and good. The shell takes
    /// only what comes from the endpoint asked (a connected socket). A socket can be closed when its query is
    /// no more outstanding().
    outcome receive(std::size_t server, std::span<const std::uint8_t> datagram, instant sent,
                    instant received, bool authenticated);
    /// True as long as an answer to the query is wanted.
    bool outstanding(std::size_t server, ntp_timestamp transmit) const;

    /// The time, if the clock counts as synchronised at that moment (which may be a little in the past).
    std::optional<time_estimate> now(instant at) const;
    sync_state state(instant at) const;
    /// True when each server has had its first burst, answered or not: a client that asks once need not wait
    /// longer.
    bool settled() const;
    /// True when each server has answered once, or is not likely to.
    bool each_spoke() const;

    /// system: the system clock at that moment, to which offsets are shown.
    timesync::report report(instant now, unix_time system) const;

private:
    /// Asks all servers anew at once.
    void hurry(instant now);
    void select(instant now, outcome& out);
    void heard(std::size_t server, instant now, outcome& out);
    void first_fix(instant now, outcome& out);
    bool step_is_fresh() const;
    void stepped(nanoseconds by, const clock_reading& r, outcome& out);
    void note_leap(instant now);
    void watch_leap(instant now, outcome& out);
    void widen(nanoseconds earlier, nanoseconds later, instant now);
    void finish(instant now, outcome& out);
    bool say_news(std::size_t server, outcome& out);
    std::string verdict(instant now) const;
    unix_time pivot(instant now) const;
    std::size_t voices() const;
    bool has_voice(std::size_t server) const;
    std::optional<std::size_t> same_machine(std::size_t server) const;
    std::string problem(std::size_t server, instant now) const;
    /// Lines that come at most once a minute.
    enum class line { state, dropped, corrected, held, network, step, count };
    bool may_say(line l, instant now);
    std::string agreeing_names() const;

    settings settings_;
    std::vector<peer> peers_;
    clock clock_;
    selection selection_;
    sync_state said_ = sync_state::waiting;
    clock_watch watch_;
    std::optional<clock_reading> reading_; ///< the last one
    leap_watch leap_;
    std::map<std::size_t, given_up> given_up_; ///< of each pool
    std::array<std::optional<instant>, static_cast<std::size_t>(line::count)> said_at_;
    std::vector<std::uint64_t> step_base_; ///< samples of each peer when the step was first asked for
    bool selecting_ = false;
    instant due_{};
};

} // namespace chronoknock::timesync
