#pragma once

#include "firewall/deadlines.hpp"
#include "io/firewall/backend.hpp"

#include <boost/asio/steady_timer.hpp>

namespace chronoknock::io {

/// Ends grants for a backend that does not end them by itself: one timer, for the next deadline. What cannot
/// be closed when it is over is closed again each second, also when all is withdrawn, then for a while.
class expiring final : public firewall_backend {
public:
    expiring(boost::asio::io_context& context, std::unique_ptr<firewall_backend> backend)
        : backend_(std::move(backend)), timer_(context) {
        backend_->on_unclosed(
            [this](const prefix& who, const std::string& service) { close_again(who, service); });
    }

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
    bool on_closed(closed_one told) override { return backend_->on_closed(std::move(told)); }
    bool holds(const prefix& who, const std::string& service) const override {
        return backend_->holds(who, service);
    }
    /// From then on nothing is opened any more.
    void withdraw(answer done) override;

private:
    void note(const firewall::change& c, std::optional<instant> end);
    void arm();
    void close_due();
    void close_again(const prefix& who, const std::string& service);
    void keep(const firewall::rules& r);
    void withdraw_again(std::size_t tries, instant last, answer done);

    std::unique_ptr<firewall_backend> backend_;
    boost::asio::steady_timer timer_;
    firewall::deadlines deadlines_;
    bool withdrawing_ = false;
    std::optional<instant> told_; ///< when the log told last that something could not be closed
    std::shared_ptr<void> alive_ = std::make_shared<char>(); ///< for handlers that were queued before the end
};

} // namespace chronoknock::io
