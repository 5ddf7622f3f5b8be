#include "io/firewall/expiring.hpp"

#include "io/log/log.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::io {

namespace {

constexpr seconds try_again{1};

} // namespace

void expiring::apply(std::vector<firewall::change> changes, answer done) {
    // Before it is open: what fails, or is open and said to have failed, is closed all the same.
    const auto now = boot_now();
    for (const auto& c : changes)
        if (c.open_for) deadlines_.note(c, now);
    arm();
    auto closed = changes;
    std::erase_if(closed, [](const firewall::change& c) { return c.open_for.has_value(); });
    backend_->apply(std::move(changes),
                    [this, closed = std::move(closed), done = std::move(done)](const result<void>& applied) {
                        if (applied)
                            for (const auto& c : closed) deadlines_.note(c, boot_now());
                        if (done) done(applied);
                    });
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
            log::error(closed.error().text + ": closing again in a second");
            for (const auto& c : again) deadlines_.note({c.who, c.service, try_again}, boot_now());
            arm();
        });
    }
    arm();
}

} // namespace chronoknock::io
