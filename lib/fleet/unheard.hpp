#pragma once

#include "fleet/ledger.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>

namespace chronoknock::fleet {

/// What was revoked on this host, while it had not heard of all that other hosts have opened: a watch is
/// late, or there is none. What is heard of later, and was accepted before, ends as well. Kept in memory
/// alone.
class unheard {
public:
    static constexpr std::size_t most = 1000; ///< of each kind; later ones push out the oldest

    /// Grants accepted until then (by the clock), until caught_up().
    void revoke(ledger::is_meant meant, unix_time until);
    /// Whatever a knock opens, whenever: it was revoked on its way, and nobody knows whether, and when, etcd
    /// does what it was asked for.
    void revoke(const granting::burnt& token);

    /// Of the revocations so far; for caught_up().
    std::uint64_t last() const { return last_; }
    /// All is heard of that stood in etcd after the revocation of that number.
    void caught_up(std::uint64_t number);
    bool waits() const { return !revoked_.empty(); }

    bool is_meant(const granting::shared_grant& g) const;
    /// What is meant of what was opened counts as closed; true if there is such.
    bool withhold(granting::shared_changes& c) const;

private:
    struct revocation {
        std::uint64_t number;
        ledger::is_meant meant;
        unix_time until;
    };
    std::deque<revocation> revoked_;
    std::deque<granting::burnt> tokens_;
    std::uint64_t last_ = 0;
};

} // namespace chronoknock::fleet
