#pragma once

#include "knock/complete.hpp"
#include "knock/hash.hpp"
#include "knock/keyring.hpp"
#include "knock/tracker.hpp"

#include <bitset>
#include <cstdint>
#include <functional>
#include <vector>

namespace chronoknock::knock {

/// A complete sequence was seen. Whether it earns anything is for the replay guard to say.
struct match {
    address who;
    line what;
    std::int64_t t0;
    instant first; ///< when its first SYN arrived
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
        std::uint64_t postponed = 0;   ///< looks that the ration of derivations cut short
    };

    /// known: tells whether an address opened a door before: deriving for it is not rationed with that for
    /// strangers.
    matcher(const config::server& server, const hash_seed& seed, std::function<bool(const address&)> known);

    /// Tells what the clock says at `now` and brings the live windows up to it; see keyring::advance. To be
    /// called before the first SYN and now and again (each batch will do).
    bool advance(instant now, const time_estimate& t, std::size_t lines);
    /// Takes one SYN of a batch that arrived at `now`.
    void observe(const packet::syn& syn, instant now);
    /// Ends the batch: gives what was completed.
    std::vector<match> end_batch(instant now);
    /// True if a look was postponed: end_batch wants to be called again soon, with or without SYNs.
    bool waiting() const { return !dirty_.empty(); }

    const counters& count() const { return counters_; }
    const tracker& addresses() const { return tracker_; }
    const keyring& keys() const { return keyring_; }

private:
    void look(tracker::slot s);
    void postpone(tracker::slot s);
    bool look_for_selectors(const address& who, const remembered& r);
    bool look_for_plain(const address& who, const remembered& r);
    bool try_sequence(std::uint32_t l, std::int64_t t0, const address& who, const remembered& r);
    bool may_derive(const address& who);
    std::uint64_t hash(std::uint32_t l, std::int64_t t0, const address& who) const;

    const config::server& server_;
    hash_seed seed_;
    std::function<bool(const address&)> known_;
    keyring keyring_;
    tracker tracker_;
    std::vector<tracker::slot> dirty_;     ///< addresses that may have something complete
    std::vector<tracker::slot> postponed_; ///< those that must wait for the ration
    /// Of each sequence that was derived and not complete, one port that was missing, under a hash of
    /// address, line and window: as long as it does not come, the sequence need not be derived again.
    std::vector<std::uint64_t> hints_;
    std::bitset<65536> ports_;            ///< those remembered of the address being looked at
    std::vector<std::uint16_t> distinct_; ///< the same, as a list
    std::bitset<65536> used_;             ///< ports of what was complete in it
    std::vector<std::uint16_t> sequence_; ///< the one being tried
    std::vector<match> found_;
    instant now_{};     ///< of the batch
    instant t_at_{};    ///< when the clock was asked last
    time_estimate t_{}; ///< what it said
    double ration_;     ///< derivations that strangers have left
    instant refilled_{};
    counters counters_;
};

} // namespace chronoknock::knock
