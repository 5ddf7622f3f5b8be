#pragma once

#include "base/error.hpp"
#include "base/service.hpp"
#include "grant/actions.hpp"
#include "grant/activity.hpp"
#include "grant/claim.hpp"
#include "grant/expiries.hpp"
#include "grant/holders.hpp"
#include "grant/noise.hpp"
#include "grant/replay_guard.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chronoknock::granting {

/// What the configuration says that claims are judged by; their indices count in it.
struct terms {
    struct key {
        std::string name;
        nanoseconds knock_delay{0};
    };
    struct service {
        std::string name;
        nanoseconds open_for;
        nanoseconds most_open_for; ///< what a claim may ask for
        std::vector<endpoint_range> ports = {};
        std::uint32_t uses = 0;
    };
    std::vector<key> keys;
    std::vector<service> services;
};

/// The way of a claim: judged and reserved, then written down, then carried out by the firewall; whatever
/// fails on the way releases the reservation. What is written down but not open could not be had again; what
/// is open but not written down could be had twice.
class pipeline {
public:
    struct counters {
        std::uint64_t granted = 0;
        std::uint64_t repeated = 0; ///< later rounds of accepted knocks
        std::uint64_t refused = 0;  ///< replays and what else the replay guard refused
        std::uint64_t failed = 0;   ///< accepted, but the store or the firewall failed
    };

    pipeline(replay_guard guard, terms t) : guard_(std::move(guard)), terms_(std::move(t)) {}
    /// For claims to come. What is being written down for a service that has other ports or uses from now on,
    /// or is gone, is not opened any more: by the name it would open what was not asked for.
    void set_terms(terms t);
    void set_floor(unix_time floor, bool provisional) { guard_.set_floor(floor, provisional); }

    /// What an earlier process granted: the history, the newest first, and what of it is open at `now` yet. A
    /// key can close that; ends are known when the first claims come and what time it is.
    void remember(std::span<const history_entry> history, std::span<const firewall::live_grant> open,
                  instant now);

    /// Claims that were completed by `now`, the clock saying `t`.
    actions judge(std::span<const claim> claims, instant now, const time_estimate& t);
    /// The store's answer to `redeem`.
    actions redeemed(std::uint64_t batch, const result<void>& done, instant now);
    /// The firewall's answer to `open_services` or `close_services`.
    actions carried_out(std::uint64_t knock, const result<void>& done, instant now);
    /// Lines that became due by `now`, and a note on each grant whose time is over.
    actions due(instant now);
    /// What need not be remembered any more.
    actions prune(unix_time now);

    const counters& count() const { return counters_; }
    const granting::activity& activity() const { return activity_; }
    const replay_guard& guard() const { return guard_; }

private:
    /// An accepted claim on its way.
    struct knock {
        burnt once;
        claim::wish wish;
        std::string key;               ///< its name
        std::vector<opening> openings; ///< or what it closes
        std::string line;              ///< for the log
        instant seen;
        bool outdated = false;                     ///< a service of it has changed
        std::vector<holders::ticket> tickets = {}; ///< of each of openings
    };
    /// A grant of an earlier process.
    struct earlier {
        std::string key;
        address who;
        std::string service;
        unix_time end;
        instant latest; ///< it does not end later than this
    };

    knock accept(const claim& c, instant now, unix_time t) const;
    void refuse(const claim& c, const std::string& why, instant now, unix_time t, actions& todo);
    void carry_on(instant now, unix_time t);
    action open(std::uint64_t number, knock& k, instant now);
    close_services close(std::uint64_t number, knock& k, instant now);
    bool has_uses(const std::string& service) const;
    void fail(const knock& k, const error& why, instant now, actions& todo);

    replay_guard guard_;
    terms terms_;
    std::uint64_t last_number_ = 0;
    std::map<std::uint64_t, std::vector<knock>> redeeming_; ///< by batch
    std::map<std::uint64_t, knock> opening_;
    noise refusals_{20};
    tally knocks_told_{60}; ///< of each key
    expiries expiries_;
    holders holders_;
    std::vector<earlier> earlier_;
    std::optional<unix_time> clock_;
    counters counters_;
    granting::activity activity_;
};

} // namespace chronoknock::granting
