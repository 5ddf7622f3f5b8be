#include "io/fleet/fleet_store.hpp"

#include <optional>
#include <utility>

namespace chronoknock::io {

using kind = granting::shared_outcome::kind;

struct fleet_store::redeeming {
    granting::burnt token;
    std::vector<granting::opened_grant> grants;
    shared_answer done;
    std::optional<fleet::order> later{}; ///< for the fleet, once it is burnt here
};

fleet_store::fleet_store(std::unique_ptr<grant_store> local, std::shared_ptr<fleet_member> member)
    : local_(std::move(local)), member_(std::move(member)), alive_(std::make_shared<char>()) {}

fleet_store::~fleet_store() { member_->close(); }

void fleet_store::burn_here(std::shared_ptr<redeeming> r) {
    local_->redeem({r->token}, std::move(r->grants), [r, member = member_](const result<void>& burnt) {
        if (!burnt) return r->done({kind::failed, burnt.error().text});
        if (r->later) member->redeem_later(std::move(*r->later));
        r->done({kind::burnt});
    });
}

void fleet_store::redeem_shared(granting::burnt token, std::vector<granting::opened_grant> grants,
                                granting::shared_claim claim, shared_answer done) {
    fleet::order o{token, grants, std::move(claim)};
    const auto r =
        std::make_shared<redeeming>(redeeming{std::move(token), std::move(grants), std::move(done)});
    if (!member_->takes_writes() && member_->settings().when_lost == config::on_loss::local) {
        r->later = std::move(o);
        return burn_here(r);
    }
    member_->redeem(o, [this, r, alive = std::weak_ptr(alive_)](const granting::shared_outcome& outcome) {
        if (alive.expired()) return;
        if (outcome.is == kind::burnt) return burn_here(r);
        // If it is burnt, then not by this host. It is written down here together with what it opens, once
        // that is heard of: else a server that ends in between would take it for opened.
        r->done(outcome);
    });
}

result<void> fleet_store::close_cleanly() {
    alive_.reset();
    member_->close();
    return local_->close_cleanly();
}

} // namespace chronoknock::io
