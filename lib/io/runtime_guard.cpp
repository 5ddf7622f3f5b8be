// The server's guard, and what its helper does for it.
#include "firewall/backend.hpp"
#include "firewall/translation.hpp"
#include "io/firewall/last_guard.hpp"
#include "io/log/log.hpp"
#include "io/runtime.hpp"
#include "io/system/clock.hpp"

#include <exception>
#include <fcntl.h>
#include <utility>

namespace chronoknock::io {

void runtime::helped_by(std::shared_ptr<const helper_process> h, std::function<void()> ended) {
    helper_ = std::move(h);
    helper_ended_.assign(::fcntl(helper_->channel(), F_DUPFD_CLOEXEC, 0));
    helper_ended_.async_wait(helper_ended_.wait_read,
                             [ended = std::move(ended)](boost::system::error_code stopped) {
                                 if (!stopped) ended();
                             });
    notices_.run_by([helper = helper_](std::vector<std::string> command, std::vector<std::string> facts) {
        return helper->run_program(helper::program::event, std::move(command), std::move(facts));
    });
}

firewall_programs runtime::programs() const {
    return {[helper = helper_](const firewall::nft_order& order) { return helper->write_guard(order); },
            [helper = helper_, seen = firewall::translation()]() mutable {
                if (const auto now = boot_now(); seen.is_due(now))
                    seen.learn(helper->find_translation(), now);
                return seen.known();
            },
            [helper = helper_](helper::program which, std::vector<std::string> command,
                               std::vector<std::string> facts) {
                return helper->run_program(which, std::move(command), std::move(facts));
            }};
}

result<void> runtime::set_up_guard() {
    if (!firewall_) {
        auto opened = open_backend(configuration_->firewall.backend, context_, programs());
        if (!opened) return opened.error();
        firewall_ = std::move(*opened);
        granter_.open_by(*firewall_, configuration_->firewall.backend);
    }
    const auto rules = rules_of(*configuration_);
    const auto done = firewall_->prepare_now(rules);
    if (done && !makes_guard())
        drop_own_guard();
    else if (done && !trial_end_)
        was_kept(helper_->keep_guard(rules));
    return done;
}

bool runtime::makes_guard() const {
    return firewall::backend_named(configuration_->firewall.backend).can.guard;
}

/// Of a configuration with another backend: it would shut out whom grants let in elsewhere.
void runtime::drop_own_guard() {
    if (firewall::backend_named(configuration_->firewall.backend).needs == firewall::needs::anything) {
        if (guard_stands())
            log::warning(
                "firewall: the guard of an earlier configuration stands, and a dry run leaves it so");
    } else if (const auto removed = helper_->remove_guard(); !removed) {
        log::warning(removed.error().text);
    } else if (*removed) {
        log::warning("firewall: the guard of an earlier configuration, with another backend, is removed");
    }
}

void runtime::keep_guard() {
    if (trial_end_ || !makes_guard()) return; // no boot is to set up what nobody has confirmed
    try {
        beside_.run(
            [helper = helper_, rules = rules_of(*configuration_)] { return helper->keep_guard(rules); },
            [this](const result<void>& kept) { was_kept(kept); });
    } catch (const std::exception& e) {
        was_kept(error{e.what()});
    }
}

void runtime::was_kept(const result<void>& kept) {
    guard_kept_ = bool(kept);
    if (!kept) log::warning("the guard cannot be kept for the next boot: " + kept.error().text);
}

} // namespace chronoknock::io
