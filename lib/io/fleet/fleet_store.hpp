#pragma once

#include "io/fleet/member.hpp"
#include "io/store/grant_store.hpp"

#include <memory>
#include <string>
#include <vector>

namespace chronoknock::io {

/// The grant store of a host of a fleet: what is of the fleet's keys is burnt in the cluster first, then
/// here, like all the rest: what this host has seen burnt stays so, whatever becomes of the cluster.
class fleet_store final : public grant_store {
public:
    fleet_store(std::unique_ptr<grant_store> local, std::shared_ptr<fleet_member> member);
    ~fleet_store() override;

    void redeem_shared(granting::burnt token, std::vector<granting::opened_grant> grants,
                       granting::shared_claim claim, shared_answer done) override;

    result<std::vector<granting::burnt>> load() override { return local_->load(); }
    void redeem(std::vector<granting::burnt> tokens, std::vector<granting::opened_grant> grants,
                answer done) override {
        local_->redeem(std::move(tokens), std::move(grants), std::move(done));
    }
    void forget(std::vector<granting::burnt> tokens) override { local_->forget(std::move(tokens)); }
    std::optional<unix_time> floor() const override { return local_->floor(); }
    result<void> set_floor(unix_time t) override { return local_->set_floor(t); }
    std::optional<unix_time> lacking() const override { return local_->lacking(); }
    result<std::vector<granting::opened_grant>> open_grants() override { return local_->open_grants(); }
    result<std::vector<granting::opened_grant>> newest_opened() override { return local_->newest_opened(); }
    result<opened_by_key> opened_of(const std::string& key) override { return local_->opened_of(key); }
    result<std::set<std::pair<prefix, std::string>>> opened_by(const std::set<std::string>& keys) override {
        return local_->opened_by(keys);
    }
    void closed(const prefix& who, const std::string& service) override { local_->closed(who, service); }
    result<std::string> exchange_backend(const std::string& name) override {
        return local_->exchange_backend(name);
    }
    void end(std::span<const granting::opened_grant> grants) override { local_->end(grants); }
    void note(granting::history_entry entry, bool stays_open = false) override {
        local_->note(std::move(entry), stays_open);
    }
    result<std::vector<granting::history_entry>> history(std::size_t most) override {
        return local_->history(most);
    }
    result<std::vector<granting::numbered_entry>> find_in_history(const granting::history_query& q) override {
        return local_->find_in_history(q);
    }
    void keep(const report::period& p) override { local_->keep(p); }
    result<void> close_cleanly() override;

private:
    struct redeeming;
    void burn_here(std::shared_ptr<redeeming> r);

    std::unique_ptr<grant_store> local_;
    std::shared_ptr<fleet_member> member_;
    std::shared_ptr<void> alive_;
};

} // namespace chronoknock::io
