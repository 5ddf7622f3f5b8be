#pragma once

#include "config/fleet.hpp"
#include "fleet/attempts.hpp"
#include "fleet/lease_book.hpp"
#include "fleet/ledger.hpp"
#include "fleet/order.hpp"
#include "fleet/postponed.hpp"
#include "fleet/presence.hpp"
#include "fleet/redemption.hpp"
#include "fleet/seal.hpp"
#include "fleet/unheard.hpp"
#include "io/fleet/etcd_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::io {

/// How the fleet does, for those who ask.
struct fleet_report {
    struct endpoint {
        std::string name;
        std::string problem; ///< empty: it answers, or was not asked
    };
    std::string name; ///< this host's
    fleet::link::state state{};
    std::string problem; ///< why knocks of the fleet's keys are not taken; empty: they are
    std::vector<endpoint> endpoints;
    bool watching = false; ///< what other hosts do is heard of
    std::int64_t revision = 0;
    std::size_t grants = 0;    ///< live, of the fleet
    std::uint64_t ignored = 0; ///< entries that are not the fleet's
    std::uint64_t burnt = 0;   ///< tokens by this host
    std::uint64_t lost = 0;    ///< how often the cluster was
};

/// This host as a member of a fleet: burns tokens for all of it, and hears of what others open and close.
/// What is asked of it before its end is answered from the io_context, or not at all after close().
class fleet_member : public std::enable_shared_from_this<fleet_member> {
public:
    using clock = std::function<unix_time()>;
    fleet_member(boost::asio::io_context& context, config::fleet_settings f, resolver names, clock by);
    /// Before all else.
    result<void> begin();
    /// Goes over to other endpoints, certificates, passwords; the rest has to be as it was.
    result<void> use(const config::fleet_settings& f);
    void close();

    using changes_handler = std::function<void(granting::shared_changes)>;
    void on_changes(changes_handler f) { changed_ = std::move(f); }
    /// How many grants are live here, for others to see.
    void count_by(std::function<std::uint64_t()> f) { count_ = std::move(f); }
    /// Grants of these lengths are to be expected: it has leases for them beforehand.
    void expect(std::vector<nanoseconds> lengths) { lengths_ = std::move(lengths); }

    using redeemed = std::function<void(const granting::shared_outcome&)>;
    /// Burns a token for the fleet, within a few seconds.
    void redeem(const fleet::order& o, redeemed done);
    /// The same for what was accepted here, and is burnt here, while the cluster was lost, once it is back.
    void redeem_later(fleet::order o);
    bool is_lost() const { return client_->is_lost(); }
    bool takes_writes() const { return client_->takes_writes(); }
    /// True if it hears what other hosts do, as far as anybody can tell.
    bool hears() const { return watching_ && !client_->is_lost(); }
    /// Ends grants on all hosts: at once, or once the cluster is back; with them those that were accepted
    /// until now, and are not heard of yet. How many there are.
    std::size_t end(const fleet::ledger::is_meant& meant);
    /// Ends what this knock opens on all hosts, also where that is heard of later.
    void end(const granting::burnt& token);
    /// Too much has happened to keep it: all that there is becomes known again.
    void list_again();

    fleet_report report() const;
    using host_list = std::function<void(const result<std::vector<fleet::host_record>>&)>;
    void list_hosts(host_list done);
    const config::fleet_settings& settings() const { return settings_; }

private:
    /// With what is asked of the cluster: less than replay_guard's time for a retry.
    static constexpr nanoseconds patience = seconds(3);
    /// So long etcd keeps a burnt token at least.
    static constexpr nanoseconds remembered = std::chrono::hours(31 * 24);

    using self = std::shared_ptr<fleet_member>;
    template <class T>
    using task = boost::asio::awaitable<T>;

    static task<void> run_redemption(self me, fleet::redemption r, redeemed done);
    static task<void> redeem_postponed(self me);
    task<granting::shared_outcome> settle(fleet::redemption& r);
    task<granting::shared_outcome> decide(fleet::redemption& r);
    static task<void> watch(self me);
    static task<void> beat(self me);
    static task<void> tend(self me);
    static task<void> find_hosts(self me, host_list done);
    task<result<std::int64_t>> lease(nanoseconds least, instant deadline);
    task<result<void>> ask_leases(nanoseconds longest, instant deadline, fleet::redemption::leases& l);
    task<void> watch_once();
    task<void> beat_once();
    task<void> tend_once();
    void begin_listing(const fleet::header& as_of);
    task<bool> list();
    task<bool> is_same_cluster();
    task<void> follow();
    task<void> echo();
    task<void> tell_presence();
    task<void> carry_out_errands();
    task<bool> erase_some(std::vector<fleet::ledger::place> places);
    void erase_later(std::vector<fleet::ledger::place> places);
    task<void> wait(nanoseconds d);
    void heed(std::string_view line);
    void tell_ignored();
    void link_changed();
    fleet::redemption redemption_of(const fleet::order& o, const fleet::attempt_id& attempt) const;
    void hand_on(granting::shared_changes c);

    boost::asio::io_context& context_;
    config::fleet_settings settings_;
    std::shared_ptr<lookup> names_;
    clock clock_;
    std::shared_ptr<etcd_client> client_;
    fleet::seal seal_;
    fleet::ledger ledger_;
    fleet::lease_book leases_;
    changes_handler changed_;
    std::function<std::uint64_t()> count_;
    std::vector<nanoseconds> lengths_;
    std::deque<fleet::ledger::place> to_erase_;
    fleet::postponed postponed_;
    fleet::unheard unheard_;
    fleet::attempts attempts_;
    fleet::presence presence_;
    bool redeems_postponed_ = false;
    fleet::header known_; ///< all that the ledger has is of this
    bool has_listed_ = false;
    bool watching_ = false;
    bool closed_ = false;
    instant heard_{}; ///< of the watch
    instant seen_{};  ///< when this host's presence was told last
    instant pruned_{};
    nanoseconds jitter_;
    std::uint64_t burnt_ = 0;
    std::uint64_t lost_ = 0;
    bool was_lost_ = false;
};

} // namespace chronoknock::io
