#pragma once

#include "grant/gate.hpp"
#include "grant/pipeline.hpp"
#include "io/firewall/backend.hpp"
#include "io/store/grant_store.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace chronoknock::io {

/// Has done what pipeline and gate ask for: by the store, the firewall and the log.
class granter {
public:
    explicit granter(boost::asio::io_context& context) : context_(context) {}

    /// Opens the store and reads what is burnt. Before that nothing else is to be asked.
    result<void> open(const std::string& state, granting::terms t);
    bool is_open() const { return store_ != nullptr; }
    /// By which grants go; it outlives their answers.
    void open_by(firewall_backend& firewall) { firewall_ = &firewall; }
    result<void> close_cleanly();

    /// For claims to come; see pipeline.
    void set_terms(granting::terms t) { pipeline_->set_terms(std::move(t)); }
    /// Asks the gate again; see there. trusted: whether the clock is for keeping; what it costs to find out
    /// is spent where it matters only.
    void update_gate(const std::optional<time_estimate>& t, const std::function<bool()>& trusted);
    bool lets_pass() const { return gate_.lets_pass(); }
    void judge(std::span<const granting::claim> claims, instant now, const time_estimate& t) {
        carry_out(pipeline_->judge(claims, now, t));
    }
    void due(instant now) { carry_out(pipeline_->due(now)); }
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
    /// Null before it is open.
    const granting::activity* activity() const { return pipeline_ ? &pipeline_->activity() : nullptr; }
    /// Keeps a row of the series, sooner or later.
    void keep(const report::period& p) {
        if (store_) store_->keep(p);
    }

private:
    void recall_grants();
    void carry_out(granting::actions todo);
    void apply(std::uint64_t knock, std::vector<firewall::change> changes);

    boost::asio::io_context& context_;
    firewall_backend* firewall_ = nullptr;
    std::unique_ptr<grant_store> store_;
    std::optional<granting::pipeline> pipeline_;
    granting::gate gate_;
    unix_time newest_{};
};

} // namespace chronoknock::io
