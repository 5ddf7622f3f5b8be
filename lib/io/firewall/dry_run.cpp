#include "io/firewall/dry_run.hpp"

#include "base/text.hpp"
#include "firewall/ledger.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace chronoknock::io {

namespace {

using firewall::change;

void tell_of(const std::string& deed) { log::info("dry run: would " + deed); }

class dry_run final : public firewall_backend {
public:
    explicit dry_run(boost::asio::io_context& context) : context_(context) {}

    void prepare(firewall::rules r, answer done) override {
        (void)prepare_now(r);
        later(std::move(done));
    }
    result<void> prepare_now(const firewall::rules& r) override {
        services_ = r.services;
        open_.keep([this](const prefix&, const std::string& name) { return find(name) != nullptr; });
        for (const auto& s : services_) tell_of("guard " + s.name + " (" + ports_of(s) + ")");
        return {};
    }

    void apply(std::vector<change> changes, answer done) override {
        for (const auto& c : changes) {
            const auto* const s = find(c.service);
            const auto door = c.service + (s ? " (" + ports_of(*s) + ")" : "") + " to " + c.who.to_string();
            tell_of(c.open_for ? "open " + door + " for " + to_string(*c.open_for) +
                                     (c.key.empty() ? "" : ", by the key " + printable(c.key))
                               : "close " + door);
            open_.note(c, boot_now());
        }
        later(std::move(done));
    }

    void list(listing done) override { done(open_.open(boot_now())); }

    void cut(std::function<bool(const firewall::flow&)>, counted done) override {
        tell_of("end connections");
        done(std::size_t{0});
    }

    /// By grants that open nothing no connection comes.
    void flows(const std::function<bool(const firewall::flow&)>&,
               std::function<void(result<live_flows>)> done) override {
        done(live_flows{{}, boot_now()});
    }

    void withdraw(answer done) override {
        tell_of("take the guard away");
        open_.clear();
        later(std::move(done));
    }

private:
    static std::string ports_of(const service& s) {
        std::string all;
        for (const auto& p : s.ports) all += (all.empty() ? "" : ", ") + p.to_string();
        return all;
    }
    const service* find(const std::string& name) const {
        const auto found = std::ranges::find(services_, name, &service::name);
        return found == services_.end() ? nullptr : &*found;
    }
    void later(answer done) {
        boost::asio::post(context_, [alive = std::weak_ptr(alive_), done = std::move(done)] {
            if (done && !alive.expired()) done({});
        });
    }

    boost::asio::io_context& context_;
    std::vector<service> services_;
    firewall::ledger open_;
    std::shared_ptr<void> alive_ = std::make_shared<char>(); ///< for answers that are queued at the end
};

} // namespace

result<void> check_dry_run(const firewall::rules&) { return {}; }

result<std::unique_ptr<firewall_backend>> open_dry_run(boost::asio::io_context& context) {
    return std::unique_ptr<firewall_backend>(std::make_unique<dry_run>(context));
}

} // namespace chronoknock::io
