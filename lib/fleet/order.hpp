#pragma once

#include "fleet/seal.hpp"
#include "grant/burnt.hpp"
#include "grant/opened.hpp"
#include "grant/shared.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace chronoknock::fleet {

/// A token to be burnt for the fleet, and what it opens and closes.
struct order {
    granting::burnt token;
    std::vector<granting::opened_grant> grants;
    granting::shared_claim claim;
};

/// One of an order's grants, as all hosts see it. host: this one.
inline granting::shared_grant shared_grant_of(const order& o, const granting::opened_grant& g,
                                              const std::string& host) {
    // One that lives as long as its connections does so on each host by itself.
    const auto until = g.until == unix_time::max() ? g.at + o.claim.longest : g.until;
    return {g.fingerprint, o.claim.key_name, g.who, g.service, o.token.place, o.token.identity, g.at, until,
            host};
}

/// True if the order closes this grant.
inline bool closes(const order& o, const granting::shared_grant& g) {
    return g.key == o.token.key && std::ranges::any_of(o.claim.closes, [&](const auto& one) {
               return g.service == one.second && one.first.overlaps(g.who);
           });
}

} // namespace chronoknock::fleet
