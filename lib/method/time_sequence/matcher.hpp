#pragma once

#include "base/hash.hpp"
#include "base/zero_pages.hpp"
#include "method/arrivals.hpp"
#include "method/complete.hpp"
#include "method/lane.hpp"
#include "method/time_sequence/keyring.hpp"
#include "method/tracker.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace chronoknock::time_sequence {

/// A complete sequence was seen. Whether it earns anything is for the replay guard to say.
struct match {
    address who;
    sequence_id id;
    std::int64_t t0;
    instant first;           ///< when its first SYN arrived
    std::uint16_t last_port; ///< the one that completed it
};

/// Finds complete sequences among the SYNs of each address. A SYN costs a lookup; an address is looked at
/// only when it sent enough SYNs, once a batch, whatever the number of keys.
class matcher {
public:
    struct counters {
        std::uint64_t outside_pool = 0;
        std::uint64_t tracked = 0;     ///< SYNs remembered
        std::uint64_t looks = 0;       ///< at an address
        std::uint64_t derivations = 0; ///< of sequences
        std::uint64_t postponed = 0;   ///< looks that had to wait for the ration of derivations
        std::uint64_t turned_away = 0; ///< looks for which too many waited
    };

    /// known: tells whether an address opened a door before: what is derived for such is rationed apart from
    /// what is derived for strangers.
    /// keys: those of this method, indices into server::keys.
    /// kind: what packets it is made of; "SYN" below means these.
    /// before: whose place it is to take (method::verifier_settings::before). Its seed must be another.
    matcher(const config::server& server, std::span<const std::uint32_t> keys, const hash_seed& seed,
            std::function<bool(const address&)> known, const matcher* before = nullptr,
            const sequence_kind& kind = knocks());

    /// Takes what is remembered, if the settings for that are the same, with the rations and those who wait
    /// for them; between two batches.
    void take_over(matcher& before);

    /// Tells what the clock says at `now` and brings the live windows up to it; see keyring::advance. To be
    /// called before the first SYN and now and again (each batch will do).
    bool advance(instant now, const time_estimate& t, std::size_t sequences);
    /// Takes one event of a batch that arrived at `now`; only SYNs count. It is looked at with the next few
    /// or at the batch's end.
    void observe(const packet::event& e, instant now);
    /// Ends the batch: gives what was completed.
    std::vector<match> end_batch(instant now);
    /// True if a look was postponed: end_batch wants to be called again soon, with or without SYNs.
    bool waiting() const {
        return std::ranges::any_of(lanes_, [](const method::lane& l) { return !l.waiting().empty(); });
    }

    const counters& count() const { return counters_; }
    /// The same and more for `status` (method::verifier::count).
    std::vector<std::pair<std::string_view, std::uint64_t>> count_by_name() const;
    const std::shared_ptr<method::tracker>& addresses() const { return tracker_; }
    /// Tables that were not touched at the start.
    std::vector<std::span<const std::byte>> tables() const {
        const auto [syns, index] = tracker_->tables();
        return {syns, index, hints_.memory()};
    }
    const keyring& keys() const { return keyring_; }

private:
    /// What derivations are rationed for, each kind by itself, so that none keeps another out. Strangers who
    /// flood can have each but the first used up.
    enum turn : std::size_t {
        known,      ///< addresses that opened a door before: all their sequences
        first_time, ///< addresses that look like a first knock: the sequences of the few selectors they hit
        doubtful,   ///< those that hit more than a knock does, or have fewer ports, or are not in time
        plain,      ///< sequences of plain digests, which have no selector: each address asks for all
        turns
    };
    static constexpr std::uint8_t bit(turn t) {
        return static_cast<std::uint8_t>(method::tracker::soon << (1 + t));
    }

    /// What is remembered of the address that is looked at, and the live sequences it can have.
    struct view {
        method::tracker::slot s;
        address who;
        method::remembered r;
        std::size_t found_before = 0;  ///< what was found when the look began
        bool looks_like_first = false; ///< its timely sequences are few enough for a knock
        bool only_fresh = false;       ///< only selectors that came since the last look have something new
        method::tracker::port_filter awaited = {}; ///< no sequence is complete before one of these comes
    };

    static std::array<method::lane, turns> make_lanes(std::uint32_t tracked);
    void take_expected();
    void take(const method::tracker::arrival& a, instant now);
    bool worth_a_look(method::tracker::slot s) const;
    bool can_be_served(method::tracker::slot s) const;
    void look(method::tracker::slot s);
    void serve(turn t);
    void open_view(method::tracker::slot s);
    void close_view();
    void find_candidates();
    bool is_fresh(std::uint16_t port) const;
    bool take_turn(turn t);
    bool work(turn t);
    bool try_plain(turn t);
    bool try_sequence(std::uint32_t l, std::int64_t t0, turn t);
    bool arrived(std::uint16_t port, config::matching mode) const;
    std::uint64_t hash(std::uint32_t l, std::int64_t t0, const address& who) const;

    hash_seed seed_;
    packet::kind packets_;
    std::function<bool(const address&)> known_;
    keyring keyring_;
    bool inherits_; ///< the tracker is that of the one before
    std::shared_ptr<method::tracker> tracker_;
    method::arrivals expected_;
    std::vector<method::tracker::slot> dirty_; ///< addresses that may have something complete
    std::array<method::lane, turns> lanes_;
    /// Of each sequence that was derived and not complete, one port that was missing, under a hash of
    /// address, line and window: as long as it does not come, the sequence need not be derived again.
    zero_pages<std::uint64_t> hints_;
    view view_{};
    std::uint32_t derived_at_once_ = 0;
    std::bitset<65536> ports_;             ///< those remembered of the address being looked at
    std::vector<std::uint16_t> distinct_;  ///< the same, as a list
    std::vector<std::uint16_t> selectors_; ///< those of them that are some
    std::vector<std::uint32_t> walk_;      ///< live sequences of these
    std::vector<std::uint32_t> timely_;    ///< those for which it is the time
    std::vector<std::uint32_t> untimely_;  ///< the others: derived to tell the log why they are refused
    std::bitset<65536> used_;              ///< ports of what was complete in it
    std::vector<std::uint16_t> sequence_;  ///< the one being tried
    std::vector<match> found_;
    instant now_{};     ///< of the batch
    instant t_at_{};    ///< when the clock was asked last
    time_estimate t_{}; ///< what it said
    instant refilled_{};
    counters counters_;
};

} // namespace chronoknock::time_sequence
