#pragma once

#include "firewall/deadlines.hpp"
#include "io/firewall/backend.hpp"

#include <boost/asio/steady_timer.hpp>

namespace chronoknock::io {

/// Ends grants for a backend that does not end them by itself: one timer, for the ledger's next deadline.
class expiring final : public firewall_backend {
public:
    expiring(boost::asio::io_context& context, std::unique_ptr<firewall_backend> backend)
        : backend_(std::move(backend)), timer_(context) {}

    void prepare(firewall::rules r, answer done) override;
    result<void> prepare_now(const firewall::rules& r) override;
    void apply(std::vector<firewall::change> changes, answer done) override;
    void recall(std::vector<firewall::earlier_grant> grants) override;
    void list(listing done) override { backend_->list(std::move(done)); }
    void cut(std::function<bool(const firewall::flow&)> meant, counted done) override {
        backend_->cut(std::move(meant), std::move(done));
    }
    void flows(const std::function<bool(const firewall::flow&)>& meant,
               std::function<void(result<live_flows>)> done) override {
        backend_->flows(meant, std::move(done));
    }
    void withdraw(answer done) override { backend_->withdraw(std::move(done)); }

private:
    void note(const firewall::change& c, std::optional<instant> end);
    void arm();
    void close_due();

    std::unique_ptr<firewall_backend> backend_;
    boost::asio::steady_timer timer_;
    firewall::deadlines deadlines_;
    std::optional<instant> told_; ///< when the log told last that something could not be closed
    std::shared_ptr<void> alive_ = std::make_shared<char>(); ///< for handlers that were queued before the end
};

} // namespace chronoknock::io
