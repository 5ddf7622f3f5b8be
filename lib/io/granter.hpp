#pragma once

#include "grant/gate.hpp"
#include "grant/pipeline.hpp"
#include "grant/shared_backlog.hpp"
#include "io/firewall/backend.hpp"
#include "io/store/grant_store.hpp"
#include "io/time/lookup.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace chronoknock::io {

class fleet_member;
struct fleet_report;

/// Has done what pipeline and gate ask for: by the store, the firewall and the log.
class granter {
public:
    explicit granter(boost::asio::io_context& context) : context_(context) {}

    /// Opens the store and reads what is burnt. Before that nothing else is to be asked.
    /// f: [fleet], if it is set; names: by which its endpoints are found.
    result<void> open(const std::string& state, granting::terms t, const config::fleet_settings& f = {},
                      resolver names = addresses_of);
    /// How the time is told, for what other hosts of the fleet have opened; none: it is not known.
    void clock_by(std::function<std::optional<time_estimate>()> f) { clock_ = std::move(f); }
    /// Other endpoints, certificates, passwords of the fleet.
    void use(const config::fleet_settings& f);
    /// None: there is no fleet.
    std::optional<fleet_report> fleet() const;
    /// Null: there is none.
    std::shared_ptr<fleet_member> member() const { return member_; }
    bool is_open() const { return store_ != nullptr; }
    /// By which grants go; it outlives their answers.
    /// name: the backend's.
    void open_by(firewall_backend& firewall, std::string name);
    /// What the history is to keep is told there too.
    void on_note(std::function<void(const granting::history_entry&)> f) { noted_ = std::move(f); }
    /// The firewall has closed everything, and opens nothing any more. when: by the clock.
    void withdrawn(unix_time when);
    result<void> close_cleanly();

    /// For claims to come; see pipeline.
    granting::terms set_terms(granting::terms t) { return pipeline_->set_terms(std::move(t)); }
    /// Asks the gate again; see there. trusted: whether the clock is for keeping; what it costs to find out
    /// is spent where it matters only.
    void update_gate(const std::optional<time_estimate>& t, const std::function<bool()>& trusted);
    bool lets_pass() const { return gate_.lets_pass(); }
    /// Why the record keeps knocks from being taken; empty: it does not.
    const std::string& problem() const { return gate_.problem(); }
    /// What revoke() came to.
    struct ended {
        std::size_t grants = 0;
        std::size_t coming = 0;      ///< knocks on their way
        std::size_t connections = 0; ///< that the key may have opened
        bool known = false;          ///< the key has opened something, as far as the record goes back
        bool forgotten = false;      ///< of what it opened some is forgotten
        bool fleet_waits = false;    ///< the fleet's other hosts end theirs once its cluster is in reach
    };
    /// What connections are cut by: the services, who needs no grant, and the keys (their names) that are in
    /// use.
    struct cutting {
        std::span<const service> services;
        std::span<const prefix> always_allow;
        std::set<std::string> keys;
    };
    /// Ends grants before their time, and with `cut` what is live of the connections to these services that
    /// they may have opened. when: by the clock.
    void revoke(granting::revocation r, const std::optional<cutting>& cut, unix_time when,
                std::function<void(const result<ended>&)> done);
    /// Ends the grants of keys that are gone, or may not open that any more.
    void revoke_unentitled(unix_time when);
    /// True if the firewall has failed to: to be asked for again.
    bool owes_revoking() const { return pipeline_ && pipeline_->owes_revoking(); }
    /// The keys (their names) that hold a grant.
    std::vector<std::string> keys_of(const prefix& who, const std::string& service) const;
    result<std::vector<granting::numbered_entry>> find_in_history(const granting::history_query& q) {
        return store_ ? store_->find_in_history(q)
                      : result<std::vector<granting::numbered_entry>>(error{"the record is not open yet"});
    }
    /// Prolongs and ends grants that live until their last connection has ended, once a second. when: by the
    /// clock.
    void keep_idle_grants(instant now, unix_time when);
    void judge(std::span<const granting::claim> claims, instant now, const time_estimate& t) {
        carry_out(pipeline_->judge(claims, now, t));
    }
    void due(instant now);
    void prune(unix_time now) { carry_out(pipeline_->prune(now)); }

    /// Whether an address opened a door before.
    bool knows(const address& a) const { return pipeline_->guard().knows(a); }
    /// The newest token of a key (its fingerprint) that opened.
    std::optional<granting::burnt> newest_of(const std::string& key) const {
        return pipeline_->guard().newest(key);
    }
    /// Whether a token of a key (its fingerprint) has opened or is on its way.
    bool is_burnt(const std::string& key, std::int64_t place, const std::string& identity) const {
        return pipeline_->guard().is_burnt(key, place, identity);
    }
    /// The latest moment that the record knows of.
    unix_time newest() const { return newest_; }
    std::size_t burnt() const { return pipeline_ ? pipeline_->guard().size() : 0; }
    granting::pipeline::counters count() const {
        return pipeline_ ? pipeline_->count() : granting::pipeline::counters();
    }
    /// From knock to grant.
    histogram delays() const { return pipeline_ ? pipeline_->delays() : histogram(); }
    /// Keeps a row of the series, sooner or later.
    void keep(const report::period& p) {
        if (store_) store_->keep(p);
    }

    /// What came of the knocks of a key (its name); null: none ever did.
    const granting::pipeline::key_counters* count_of(const std::string& key) const;

private:
    result<void> join_fleet(const config::fleet_settings& f, resolver names, const granting::terms& t);
    void redeem_shared(granting::redeem& r);
    void share();
    std::size_t end_in_fleet(const granting::revocation& r);
    bool fleet_waits(const granting::revocation& r) const;
    void end(granting::pipeline::revoking r, std::function<void(const result<void>&)> done);
    using flow_predicate = std::function<bool(const firewall::flow&)>;
    result<flow_predicate> flows_of(const std::string& key, const opened_by_key& record, const cutting& c);
    static flow_predicate flows_from(const prefix& who, std::span<const firewall::change> ended,
                                     std::span<const service> services, std::span<const prefix> always_allow);
    void recall_grants();
    void closed(const prefix& who, const std::string& service);
    bool goes_elsewhere(std::span<const granting::opened_grant> record);
    void carry_out(granting::actions todo);
    void apply(std::uint64_t knock, std::vector<firewall::change> changes);

    boost::asio::io_context& context_;
    firewall_backend* firewall_ = nullptr;
    std::string backend_;          ///< its name
    bool told_of_closing_ = false; ///< by it: a grant whose time is over may be open yet
    std::unique_ptr<grant_store> store_;
    std::shared_ptr<fleet_member> member_;
    std::function<std::optional<time_estimate>()> clock_;
    bool has_recalled_ = false;        ///< what is open is known, as far as it can be
    granting::shared_backlog backlog_; ///< what other hosts have done, and is not yet carried out here
    std::optional<granting::pipeline> pipeline_;
    granting::gate gate_;
    std::function<void(const granting::history_entry&)> noted_;
    unix_time newest_{};
    instant flows_due_{};
    instant flows_heeded_{}; ///< as of when they were asked for last
};

} // namespace chronoknock::io
