#pragma once

#include "base/time.hpp"
#include "fleet/messages.hpp"
#include "fleet/seal.hpp"
#include "fleet/tops.hpp"
#include "grant/shared.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace chronoknock::fleet {

/// Burns one token for the whole fleet, whatever its other hosts do meanwhile: one transaction, tried again
/// where it failed, or where another knock of the key came between. Each try says the same, so that what was
/// done by one whose answer was lost is found to be its own.
class redemption {
public:
    struct order {
        granting::burnt token;
        std::int64_t slack = 0;                       ///< granting::token
        std::vector<granting::shared_grant> grants{}; ///< what it opens
        std::vector<std::string> closes{};            ///< names of grants that it ends
        std::string host;
        attempt_id attempt{};
    };
    /// Entries go with their leases.
    struct leases {
        std::int64_t burnt = 0;
        std::int64_t grants = 0;
    };
    enum class step { again, over };

    redemption(const seal& s, order o, known_top top);

    transaction request(const leases& l) const;
    /// now: by the clock. Over: outcome() tells.
    step answered(const transaction_answer& a, unix_time now);

    const granting::shared_outcome& outcome() const { return outcome_; }
    /// What is known of the key now.
    const known_top& top() const { return top_; }
    /// Of what was done.
    std::int64_t revision() const { return revision_; }
    /// True if an entry of it was found that is not the fleet's.
    bool met_forged() const { return met_forged_; }
    const order& what() const { return order_; }

private:
    bool raises() const { return !top_.has_place || order_.token.place > top_.place; }
    step end(granting::shared_outcome::kind is, std::string why = {});

    static constexpr int most_tries = 100; ///< each of them lost to another knock of the key

    const seal* seal_;
    order order_;
    std::string token_name_;
    std::string top_name_;
    known_top top_;
    granting::shared_outcome outcome_;
    std::int64_t revision_ = 0;
    int tries_ = 0;
    bool met_forged_ = false;
};

/// Most grants that one redemption makes or ends.
inline constexpr std::size_t most_cells = most_operations - 8;

} // namespace chronoknock::fleet
