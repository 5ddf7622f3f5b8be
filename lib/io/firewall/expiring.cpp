#include "io/firewall/expiring.hpp"

#include "io/log/log.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace chronoknock::io {

namespace {

constexpr seconds try_again{1};
constexpr nanoseconds tell_again = std::chrono::minutes(1);

std::set<std::string> names_of(const firewall::rules& r) {
    std::set<std::string> names;
    for (const auto& s : r.services) names.insert(s.name);
    return names;
}

} // namespace

void expiring::prepare(firewall::rules r, answer done) {
    auto services = names_of(r);
    backend_->prepare(std::move(r), [this, services = std::move(services),
                                     done = std::move(done)](const result<void>& prepared) {
        if (prepared) deadlines_.keep(services);
        if (done) done(prepared);
    });
}

result<void> expiring::prepare_now(const firewall::rules& r) {
    auto prepared = backend_->prepare_now(r);
    if (prepared) deadlines_.keep(names_of(r));
    return prepared;
}

/// While a change is on its way the later of both deadlines counts. Where it failed, so does what was before;
/// where nothing was, it may be open all the same, and is closed at its end.
void expiring::apply(std::vector<firewall::change> changes, answer done) {
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
                            else if (const auto end = deadlines_.end_of(c); before && end && after)
                                note(c, std::min(*before, *end)); // another change may be on its way, too
                        }
                        arm();
                        if (done) done(applied);
                    });
}

void expiring::recall(std::vector<firewall::earlier_grant> grants) {
    for (const auto& g : grants) deadlines_.note({g.who, g.service, g.left}, boot_now());
    backend_->recall(std::move(grants));
    arm();
}

void expiring::note(const firewall::change& c, std::optional<instant> end) {
    const auto now = boot_now();
    deadlines_.note({c.who, c.service, end ? std::optional(*end - now) : std::nullopt}, now);
}

void expiring::arm() {
    const auto next = deadlines_.next();
    if (!next) return;
    timer_.expires_after(std::max(*next - boot_now(), nanoseconds(0)));
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& stopped) {
        if (!stopped && !alive.expired()) close_due();
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
            for (const auto& c : again) deadlines_.note({c.who, c.service, try_again}, boot_now());
            arm();
        });
    }
    arm();
}

} // namespace chronoknock::io
