#pragma once

#include "base/error.hpp"
#include "base/histogram.hpp"
#include "base/service.hpp"
#include "firewall/flow.hpp"
#include "grant/actions.hpp"
#include "grant/claim.hpp"
#include "grant/expiries.hpp"
#include "grant/holders.hpp"
#include "grant/noise.hpp"
#include "grant/replay_guard.hpp"
#include "grant/terms.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace chronoknock::granting {

/// Whose grants are to end before their time.
struct revocation {
    std::string key;                ///< its name; empty: of every key
    std::optional<prefix> who = {}; ///< none: to every address; else to what it overlaps
    std::string why = {};           ///< for log and history: "by the operator"
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
        std::uint64_t shared = 0;   ///< opened because another host of the fleet took the knock
    };

    /// What came of a key's knocks.
    struct key_counters {
        std::uint64_t granted = 0; ///< since the start, and so on
        std::uint64_t refused = 0;
        std::optional<unix_time> last; ///< when a knock of it was granted last, by an earlier process too
        std::optional<prefix> from;    ///< whom that opened for
        std::uint64_t order = 0;       ///< among keys, by when something of it was counted first
    };
    /// Changes that end grants, to be made by the firewall, and what they come to.
    struct revoking {
        std::uint64_t number; ///< for revoked()
        std::vector<firewall::change> changes;
        std::size_t grants = 0; ///< of one address to one service each
        std::size_t coming = 0; ///< knocks on their way that open nothing any more
    };

    pipeline(replay_guard guard, terms t) : guard_(std::move(guard)), terms_(std::move(t)) { terms_.index(); }
    /// For claims to come. What is being written down for a service that has other ports or uses from now on,
    /// or is gone, is not opened any more: by the name it would open what was not asked for. Gives the terms
    /// that held: to put thousands of keys away takes time.
    terms set_terms(terms t);
    void set_floor(unix_time floor, bool provisional) { guard_.set_floor(floor, provisional); }

    /// What came of a record of grants.
    struct recalled {
        std::vector<opened_grant> over; ///< they ended while nobody saw it
        std::size_t unexplained = 0;    ///< open grants that the record knows nothing of
    };
    /// What an earlier process granted: the record of what has not ended, the oldest first, and what is open
    /// at `now` yet. A key can close that; ends are known when the first claims come and what time it is.
    /// What a key opened that has another secret now is for revoke_unentitled() to end.
    recalled remember(std::span<const opened_grant> record, std::span<const firewall::live_grant> open,
                      instant now);
    /// What each key (its name) opened last, in an earlier process.
    void remember_last(std::span<const opened_grant> newest);

    /// Claims that were completed by `now`, the clock saying `t`.
    actions judge(std::span<const claim> claims, instant now, const time_estimate& t);
    /// The store's answer to `redeem`.
    actions redeemed(std::uint64_t batch, const result<void>& done, instant now);
    /// The store's answer to a `redeem` that is shared.
    actions shared_redeemed(std::uint64_t batch, const shared_outcome& o, instant now);
    /// The token of a batch that was revoked since: what other hosts have opened for it is to be closed.
    std::optional<burnt> revoked_on_its_way(std::uint64_t batch) const;
    /// What share() comes to.
    struct sharing {
        actions todo;
        revoking ends;                  ///< for revoked()
        std::vector<opened_grant> over; ///< ended while nobody saw it
    };
    /// What other hosts of the fleet have opened, closed and burnt. A grant is opened here if its key is the
    /// fleet's here, too, and may open the service, for as long as it is good by the clock (t), and no longer
    /// than the service allows; once, whatever is told again.
    sharing share(const shared_changes& changes, instant now, unix_time t);
    /// The part of share() that needs no right time: ends what was closed, and what an earlier process had
    /// open that a whole listing does not name. when: what the clock says, right or wrong.
    revoking share_closed(const shared_changes& changes, instant now, unix_time when);
    /// True if something that was shared is to be opened yet: share({}) does, or tries again.
    bool owes_opening() const { return !unopened_.empty() || !freed_.empty(); }
    /// The fingerprint of a key (its name) of the fleet; empty: there is none.
    std::string fingerprint_of(const std::string& key) const;
    /// How many grants are held at `now`.
    std::size_t held(instant now) const { return holders_.all(now).size(); }
    /// The firewall's answer to `open_services` or `close_services`.
    actions carried_out(std::uint64_t knock, const result<void>& done, instant now);
    /// Ends what is meant, and sees to it that nothing which is on its way opens any more; what of it was
    /// accepted stays burnt. `open`: what the firewall has open, of which nobody may know the keys; it counts
    /// where all keys are meant. What another key holds as well stays open for that. when: by the clock.
    revoking revoke(const revocation& r, std::span<const firewall::live_grant> open, instant now,
                    unix_time when);
    /// The same for keys that are gone, have another secret, or may not open the service any more.
    revoking revoke_unentitled(instant now, unix_time when);
    /// True if the firewall has failed to end such: to be asked for again.
    bool owes_revoking() const { return owes_revoking_; }
    /// The firewall's answer to the changes of revoke().
    actions revoked(std::uint64_t number, const result<void>& done, instant now);
    /// True if some grant lives until its last connection has ended: then what lives is to be told each
    /// second or so.
    bool asks_for_flows() const { return !idle_.empty(); }
    /// True if a flow is of those that are to be told.
    bool wants(const firewall::flow& f) const;
    /// Changes that prolong grants and end some.
    struct keeping {
        revoking prolongs; ///< for prolonged()
        revoking ends;     ///< for revoked()
    };
    /// What lived of the flows that it wants, as of a moment; later ones may be lacking. when: by the clock.
    keeping heed(std::span<const firewall::flow> live, instant as_of, instant now, unix_time when);
    /// What lives is not known: grants end in their time.
    void heed_nothing(instant now);
    /// The firewall's answer to the changes that prolong grants.
    actions prolonged(std::uint64_t number, const result<void>& done, instant now);
    /// Whose knock is on its way to the firewall (a key's name); empty if that one is not.
    std::string key_of(std::uint64_t number) const {
        const auto found = opening_.find(number);
        return found == opening_.end() ? std::string() : found->second.key;
    }
    using grant = holders::grant;
    /// True if a knock for it is on its way.
    bool is_coming(const grant& g) const;
    /// The keys (their names) that hold a grant.
    std::vector<std::string> keys_of(const prefix& who, const std::string& service, instant now) const;

    /// Lines that became due by `now`, and a note on each grant whose time is over.
    actions due(instant now);
    /// What need not be remembered any more.
    actions prune(unix_time now);

    const counters& count() const { return counters_; }
    /// By name; none of a key that never knocked.
    const std::map<std::string, key_counters>& count_of_keys() const { return of_keys_; }
    /// Of knocks that opened, from when they were complete until the firewall had them open.
    const histogram& delays() const { return delays_; }
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
        std::string revoked = {};                  ///< why it is to open nothing any more
        std::vector<holders::ticket> tickets = {}; ///< of each of openings
        bool refused = false;                      ///< it is only to be burnt, and opens nothing
        address source = {};                       ///< whom it came from
        std::string description = {};              ///< the claim's
        std::vector<shared_grant> shared = {};     ///< not a claim, but what another host has opened by one
    };
    using token_name = std::tuple<std::string, std::int64_t, std::string>; ///< key, place, identity
    /// Who holds a grant of an earlier process.
    struct earlier {
        std::string key;
        unix_time end;
        instant latest; ///< it does not end later than this
    };

    /// Grants whose end the firewall has been asked for.
    struct ending {
        struct one {
            prefix who;
            std::string service;
            std::string key; ///< empty: nobody knows
            holders::ticket ticket;
        };
        std::vector<one> grants;
        std::string why;
        unix_time when;
        std::size_t count;
        history_entry::kind kind = history_entry::kind::revoked;
        std::optional<std::set<std::string>> renewed = {}; ///< of revoke_unentitled()
    };
    /// A grant that lives until its last connection has ended.
    struct idle_grant {
        instant end; ///< unless it is prolonged
        instant opened;
        bool came_in = false;                ///< it has had a connection since
        std::optional<instant> idle_since{}; ///< as of when it has none
        std::optional<instant> asked{};      ///< when the firewall was asked to prolong or end it
    };
    struct prolonging {
        std::vector<grant> grants;
        instant end;
        unix_time when; ///< it ends, by the clock
    };
    using meant = std::function<bool(const std::string& key, const prefix& who, const std::string& service)>;
    using knock_meant = std::function<bool(const knock&)>; ///< none: each

    revoking end(const meant& is_meant, std::span<const firewall::live_grant> unheld, const std::string& why,
                 instant now, unix_time when, const knock_meant& coming = {});
    std::size_t stop_coming(const meant& is_meant, const std::string& why, const knock_meant& coming);
    void drop_revoked(const knock& k, actions& todo);
    std::vector<opening> openings_of(const claim& c) const;
    knock accept(const claim& c, instant now, unix_time t) const;
    knock use_up(const claim& c, instant now, unix_time t) const;
    redeem redeem_shared(const claim& c, knock k);
    bool may_open(const terms::key& k, const prefix& who, const std::string& service) const;
    const terms::key* shared_key(const std::string& fingerprint) const;
    std::optional<opening> to_share(const shared_grant& g, instant now, unix_time t) const;
    void share_opened(std::span<const shared_grant> opened, bool is_freed, instant now, unix_time t,
                      actions& todo);
    void settle_contest(const burnt& once, bool is_ours);
    void open_shared(knock k, bool is_new, instant now, unix_time t, actions& todo);
    void retry_opening(const knock& k);
    bool is_known(const shared_grant& g) const;
    void add_gone(std::span<const shared_grant> all, std::vector<shared_grant>& closed);
    bool was_open_before(const shared_grant& g, const std::string& key) const;
    void record(const claim& c, const knock& k, std::vector<opened_grant>& grants) const;
    std::string too_many(const claim& c, std::span<const knock> accepted, instant now) const;
    void refuse(const claim& c, const std::string& why, instant now, unix_time t, actions& todo);
    void refuse(const std::string& key, const address& source, const std::string& description,
                const std::string& services, const std::string& why, instant now, unix_time t, actions& todo);
    void carry_on(instant now, unix_time t);
    action open(std::uint64_t number, knock& k, instant now);
    close_services close(std::uint64_t number, knock& k, instant now);
    bool has_uses(const std::string& service) const;
    bool is_until_idle(const std::string& service) const;
    nanoseconds grace_of(const std::string& service) const;
    std::optional<nanoseconds> left_for_others(const std::string& key, const prefix& who,
                                               const std::string& service, instant now) const;
    bool may_hold(const std::string& key, unix_time when) const;
    void note_idle(const prefix& who, const std::string& service, bool opened, instant now);
    std::set<grant> with_connections(std::span<const firewall::flow> live) const;
    static prefix around(const address& a, const terms::key& k);
    void end_idle(const std::vector<grant>& over, keeping& k, instant now, unix_time when);
    key_counters& counters_of(const std::string& key);
    static note noted(const knock& k, history_entry::kind kind, const std::vector<opening>& of_one,
                      const std::string& why = {});
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
    std::map<std::pair<prefix, std::string>, std::vector<earlier>> earlier_; ///< by address and service
    /// What a key of the fleet (its name) has on the record, and the firewall has lost.
    std::map<std::pair<std::string, grant>, opened_grant> recallable_;
    /// What such keys had open when this process began: the fleet knows whether that is to go on.
    std::set<std::pair<std::string, grant>> recalled_;
    std::vector<shared_grant> unopened_;
    std::vector<shared_grant> contested_; ///< by tokens that are on their way here
    /// Tokens of what was opened for other hosts, where the guard had no room for them; until when it lives.
    std::map<token_name, unix_time> unrecorded_;
    std::deque<burnt> lost_; ///< tokens that were another host's, and whose grants were not heard of yet
    std::vector<shared_grant> freed_; ///< of those whose token was another host's, to be opened
    std::map<std::uint64_t, ending> ending_;
    std::map<grant, idle_grant> idle_;
    std::optional<instant> heeded_; ///< as of when flows were told last
    std::map<std::uint64_t, prolonging> prolonging_;
    std::map<std::string, key_counters> of_keys_;
    std::uint64_t last_order_ = 0;  ///< of these
    std::set<std::string> renewed_; ///< keys that have another secret now; their grants are to end
    bool owes_revoking_ = false;
    std::optional<unix_time> clock_;
    counters counters_;
    histogram delays_;
};

} // namespace chronoknock::granting
