#pragma once

#include "base/address.hpp"
#include "base/service.hpp"
#include "base/time.hpp"
#include "firewall/change.hpp"
#include "firewall/rules.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::firewall {

/// How a run of a program ended.
enum class run_end {
    succeeded,
    refused,    ///< its exit status was another than 0
    broken_off, ///< killed, or ended by a signal: what it did nobody knows
    not_run     ///< it could not be run
};

/// One run of a program that opens or closes ([firewall] open, close), for the ports of one protocol.
struct command_run {
    std::uint64_t number = 0;
    bool opens = true;
    address who;
    std::string service;
    std::string key; ///< its name; empty: not known
    transport protocol = transport::tcp;
    std::string ports; ///< "22,60000-61000"
    std::optional<nanoseconds> open_for;
    std::vector<std::string> command = {}; ///< the program and its arguments
    bool tentative = false;                ///< closes what may not be open: then it may well be refused

    /// NAME=VALUE of its environment (chronoknock.ini(5), THE BACKEND command). Nothing in it was written by
    /// a stranger: names of the configuration, numbers and an address.
    std::vector<std::string> facts() const;
};

/// What is open by the operator's programs, and which of them are to be run when. Each port that was opened
/// is closed once: a grant that is renewed runs nothing, and one that may be open or not, since its program
/// failed or an earlier process left it, is closed before it is opened again. A door is closed by the program
/// that was configured when it was opened. What could not be closed is open yet, until it is closed again:
/// who does that is the shell's part. Runs for one grant come one after another, in the order in which they
/// were asked for; those that close come before others' that open.
class command_book {
public:
    static constexpr std::size_t most_at_once = 8;
    /// Of these so many close, or open: neither holds up the other. Nor does one key hold up all of them.
    static constexpr std::size_t most_alike_at_once = 6;
    static constexpr std::size_t most_of_key_at_once = 4;
    static constexpr std::size_t most_waiting = 1024;      ///< runs that open; those that close always wait
    static constexpr std::size_t most_waiting_of_key = 64; ///< of these, for one key
    /// Closing what may not be open is refused so often, then it was not open.
    static constexpr std::size_t most_refusals = 10;

    /// By these from now on.
    void use(programs p) { programs_ = std::move(p); }
    /// Changes are to single addresses. The numbers of the runs that it takes; none: it is open already.
    /// Nothing at all: too many wait.
    std::optional<std::vector<std::uint64_t>> open(const change& c, const service& s, instant now);
    /// None: nothing is open. What is being closed already is not closed twice: its runs are the answer.
    std::vector<std::uint64_t> close(const address& who, const std::string& service);
    /// Closes what is open for services that are not among these, or have other ports now.
    void keep(std::span<const service> services);
    /// An earlier process may have left this open; of several for one grant the longest counts. s: the
    /// service as it is now.
    void recall(const earlier_grant& g, const service& s, instant now);

    /// The runs that may begin now, and are under way from then on.
    std::vector<command_run> take();
    /// What came of a run that is over.
    struct upshot {
        bool stays_open = false; ///< it did not close, and nobody has asked to open again since
        bool given_up = false;   ///< so often refused that it was not open
        bool all_closed = false; ///< nothing of the grant is open any more
    };
    upshot ended(std::uint64_t run, run_end how);

    /// What is open; that which should be closed by now has nothing left.
    std::vector<live_grant> live(instant now) const;
    /// True if the grant is open or being closed.
    bool holds(const address& who, const std::string& service) const;
    bool nothing_open() const { return open_.empty() && closing_.empty(); }
    /// No run waits or is under way.
    bool idle() const { return waiting_.empty() && running_.empty(); }

private:
    using grant = std::pair<address, std::string>;
    struct door {
        transport protocol;
        std::string ports;
        std::vector<std::string> close; ///< by what it is closed
        bool sure = false;              ///< its program has said that it is open
        std::size_t refusals = 0;       ///< of closing it, while that is not sure
        bool same(const door& d) const {
            return protocol == d.protocol && ports == d.ports && close == d.close;
        }
    };
    struct held {
        std::string key;
        instant end;
        std::vector<door> doors;
    };
    /// A door that a run is for.
    struct work {
        command_run run;
        door which;
        instant end; ///< of its grant
    };
    static std::vector<door> doors_of(const service& s, const std::vector<std::string>& close);
    static bool has_doors_of(const service& s, const held& h);
    std::vector<std::uint64_t> close(std::map<grant, held>::node_type taken);
    bool may_begin(const command_run& r) const;
    void begin(work w, std::vector<command_run>& begun);
    bool keep_open(work w, run_end how);

    programs programs_;
    std::map<grant, held> open_;
    std::map<grant, std::set<std::uint64_t>> closing_; ///< the runs that close it
    std::deque<work> waiting_;
    std::map<std::uint64_t, work> running_;
    std::set<grant> busy_;
    std::uint64_t last_ = 0;
    std::size_t opening_ = 0;                        ///< of those that wait
    std::map<std::string, std::size_t> opening_for_; ///< the same, by key
};

} // namespace chronoknock::firewall
