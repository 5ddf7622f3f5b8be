#pragma once

#include "base/address.hpp"
#include "base/service.hpp"
#include "base/time.hpp"
#include "firewall/change.hpp"

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
    bool tentative = false; ///< closes what may not be open: that it fails is no failure

    /// NAME=VALUE of its environment (chronoknock.ini(5), THE BACKEND command). Nothing in it was written by
    /// a stranger: names of the configuration, numbers and an address.
    std::vector<std::string> facts() const;
};

/// What is open by the operator's programs, and which of them are to be run when. Each port that was opened
/// is closed once: a grant that is renewed runs nothing, and one that may be open or not, since its program
/// failed or an earlier process left it, is closed before it is opened again. Runs for one grant come one
/// after another, in the order in which they were asked for.
class command_book {
public:
    static constexpr std::size_t most_at_once = 8;
    static constexpr std::size_t most_waiting = 1024; ///< runs that open; those that close always wait

    /// Changes are to single addresses. The numbers of the runs that it takes; none: it is open already.
    /// Nothing at all: too many wait.
    std::optional<std::vector<std::uint64_t>> open(const change& c, const service& s, instant now);
    /// None: nothing is open.
    std::vector<std::uint64_t> close(const address& who, const std::string& service);
    /// Closes what is open for services that are not among these, or have other ports now.
    void keep(std::span<const service> services);
    /// An earlier process may have left this open. s: the service as it is now.
    void recall(const earlier_grant& g, const service& s, instant now);

    /// The runs that may begin now, and are under way from then on.
    std::vector<command_run> take();
    /// A run is over; the program says whether it succeeded.
    void ended(std::uint64_t run, bool succeeded);

    std::vector<live_grant> live(instant now) const;
    /// No run waits or is under way.
    bool idle() const { return waiting_.empty() && running_.empty(); }

private:
    using grant = std::pair<address, std::string>;
    struct door {
        transport protocol;
        std::string ports;
        bool sure = false; ///< its program has said that it is open
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
    };
    static std::vector<door> doors_of(const service& s);
    static bool has_doors_of(const service& s, const held& h);
    std::vector<std::uint64_t> close(std::map<grant, held>::node_type taken);

    std::map<grant, held> open_;
    std::deque<work> waiting_;
    std::map<std::uint64_t, work> running_;
    std::set<grant> busy_;
    std::uint64_t last_ = 0;
    std::size_t opening_ = 0; ///< of those that wait
};

} // namespace chronoknock::firewall
