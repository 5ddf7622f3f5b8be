#pragma once

#include "fleet/ledger.hpp"
#include "fleet/order.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace chronoknock::fleet {

/// What was accepted by this host alone while the cluster was lost, for when it is back: in its order, one by
/// one, each until the cluster has said something for good. It is kept in memory alone.
class postponed {
public:
    static constexpr std::size_t most = 10'000; ///< later ones push out the oldest that is not on its way

    explicit postponed(std::string host) : host_(std::move(host)) {}

    bool empty() const { return all_.empty(); }
    std::size_t size() const { return all_.size(); }
    /// What it closes of those that wait is put on no other host.
    void add(order o);

    struct try_of {
        order what;
        attempt_id attempt{};
    };
    /// The oldest, without grants that are over at t; it stays until done(). One at a time, and not of an
    /// empty queue. fresh: what its tries have in common, if this is the first.
    try_of begin(unix_time t, const attempt_id& fresh);
    /// The cluster did not say what became of it: it is tried again.
    void failed() { is_under_way_ = false; }
    /// The cluster has said something for good, by a transaction of this revision (0: none of this host's).
    /// Of its grants those that were ended meanwhile, and may stand in etcd: they are to be erased.
    std::vector<ledger::place> done(const seal& s, std::int64_t revision);

    /// Ends grants of what waits: they are put on no other host.
    void end(const ledger::is_meant& meant);

private:
    struct waiting {
        order what;
        attempt_id attempt{};
        bool was_sent = false;
        std::vector<granting::shared_grant> ended{}; ///< after they may have been sent
    };

    std::string host_;
    std::deque<waiting> all_;
    bool is_under_way_ = false;
};

} // namespace chronoknock::fleet
