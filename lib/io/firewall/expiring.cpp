#include "io/firewall/expiring.hpp"

#include "io/log/log.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace chronoknock::io {

namespace {

constexpr seconds try_again{1};
constexpr nanoseconds tell_again = std::chrono::minutes(1);

// At a stop, so that it comes to an end (a service manager kills after 90 seconds).
constexpr std::size_t most_tries = 10;
constexpr seconds most_patience{30};

} // namespace

void expiring::prepare(firewall::rules r, answer done) {
    backend_->prepare(r, [this, r, done = std::move(done)](const result<void>& prepared) {
        if (prepared) keep(r);
        if (done) done(prepared);
    });
}

result<void> expiring::prepare_now(const firewall::rules& r) {
    auto prepared = backend_->prepare_now(r);
    if (prepared) keep(r);
    return prepared;
}

/// Of services that are gone there is nothing to end, unless closing that has failed.
void expiring::keep(const firewall::rules& r) {
    deadlines_.keep([&](const prefix& who, const std::string& service) {
        return std::ranges::find(r.services, service, &service::name) != r.services.end() ||
               backend_->holds(who, service);
    });
}

/// While a change is on its way the later of both deadlines counts. Where it failed, so does what was before;
/// where nothing is, since there was nothing or a closing has come in between, it may be open all the same,
/// and is closed at its end.
void expiring::apply(std::vector<firewall::change> changes, answer done) {
    const auto opens = [](const firewall::change& c) { return c.open_for.has_value(); };
    if (withdrawing_ && std::ranges::any_of(changes, opens)) {
        boost::asio::post(timer_.get_executor(), [done = std::move(done), alive = std::weak_ptr(alive_)] {
            if (done && !alive.expired()) done(error{"firewall: the server is stopping"});
        });
        return;
    }
    struct asked {
        firewall::change c;
        std::optional<instant> before;
        std::optional<instant> after;
    };
    const auto now = boot_now();
    std::vector<asked> all;
    for (const auto& c : changes) {
        const auto before = deadlines_.end_of(c);
        const auto after = c.open_for ? std::optional(now + *c.open_for) : std::nullopt;
        all.push_back({c, before, after});
        if (after) note(c, std::max(after, before));
    }
    arm();
    backend_->apply(std::move(changes),
                    [this, all = std::move(all), done = std::move(done)](const result<void>& applied) {
                        for (const auto& [c, before, after] : all) {
                            if (applied)
                                note(c, after);
                            else if (const auto end = deadlines_.end_of(c); after && !end)
                                note(c, after);
                            else if (before && after)
                                note(c, std::min(*before, *end)); // another change may be on its way, too
                        }
                        arm();
                        if (done) done(applied);
                    });
}

void expiring::recall(std::vector<firewall::earlier_grant> grants) {
    const auto now = boot_now();
    for (const auto& g : grants) { // several keys may have opened it
        const firewall::change c{g.who, g.service, g.left};
        if (const auto end = deadlines_.end_of(c); !end || *end < now + g.left) deadlines_.note(c, now);
    }
    backend_->recall(std::move(grants));
    arm();
}

void expiring::note(const firewall::change& c, std::optional<instant> end) {
    const auto now = boot_now();
    deadlines_.note({c.who, c.service, end ? std::optional(*end - now) : std::nullopt}, now);
}

void expiring::arm() {
    const auto next = deadlines_.next();
    if (!next || withdrawing_) return;
    timer_.expires_after(std::max(*next - boot_now(), nanoseconds(0)));
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& stopped) {
        if (!stopped && !alive.expired() && !withdrawing_) close_due();
    });
}

void expiring::close_due() {
    auto due = deadlines_.due(boot_now());
    if (!due.empty()) {
        auto again = due;
        backend_->apply(std::move(due), [this, again = std::move(again)](const result<void>& closed) {
            if (closed) return;
            if (const auto now = boot_now(); !told_ || now - *told_ >= tell_again) {
                log::error(closed.error().text + ": closing again every second");
                told_ = now;
            }
            for (const auto& c : again) // but what was opened meanwhile has its own end
                if (!deadlines_.end_of(c)) deadlines_.note({c.who, c.service, try_again}, boot_now());
            arm();
        });
    }
    arm();
}

void expiring::close_again(const prefix& who, const std::string& service) {
    deadlines_.note({who, service, try_again}, boot_now());
    arm();
}

void expiring::withdraw(answer done) {
    withdrawing_ = true;
    timer_.cancel();
    withdraw_again(most_tries, boot_now() + most_patience, std::move(done));
}

void expiring::withdraw_again(std::size_t tries, instant last, answer done) {
    backend_->withdraw([this, tries, last, done = std::move(done)](const result<void>& withdrawn) {
        if (withdrawn || tries <= 1 || boot_now() >= last) return done(withdrawn);
        if (tries == most_tries) log::warning(withdrawn.error().text + ": closing again every second");
        timer_.expires_after(try_again);
        timer_.async_wait([this, tries, last, done,
                           alive = std::weak_ptr(alive_)](const boost::system::error_code& stopped) {
            if (!stopped && !alive.expired()) withdraw_again(tries - 1, last, done);
        });
    });
}

} // namespace chronoknock::io
