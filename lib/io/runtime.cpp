#include "io/runtime.hpp"

#include "io/firewall/last_guard.hpp"
#include "io/log/log.hpp"
#include "io/metrics/gather.hpp"
#include "io/system/clock.hpp"
#include "io/system/files.hpp"
#include "method/method.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <fcntl.h>
#include <iterator>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

runtime::runtime(boost::asio::io_context& context, config::server configuration)
    : context_(context), helper_ended_(context), timer_(context), start_up_(context),
      configuration_(std::make_unique<config::server>(std::move(configuration))), granter_(context),
      notices_(context, configuration_->events), trial_(context), started_(boot_now()), minute_(started_),
      pruned_(started_), sampler_(started_),
      exporter_(context, beside_, [this] { return metrics_of(take_snapshot()); }), beside_(context) {
    granter_.clock_by([this] { return time_ ? time_->now(boot_now()) : std::nullopt; });
    granter_.on_note([this](const granting::history_entry& e) { notices_.happened(e); });
}

result<void> runtime::start() {
    auto lock = daemon_lock::take(context_);
    if (!lock) return lock.error();
    lock_ = std::move(*lock);
    // What no waiting will mend. Whatever guard is there stays.
    const auto& backend = configuration_->firewall.backend;
    if (const auto possible = check_backend(backend, rules_of(*configuration_)); !possible) return possible;
    if (trial_end_ && !makes_guard())
        return error{"--trial: the backend " + backend + " sets up no guard that could go away"};
    if (confiner_) {
        // Root's, so that root can ask without CAP_DAC_OVERRIDE; what fails is told by open_control().
        (void)bind_control().has_value();
        auto confined = confiner_(*configuration_, control_.has_value());
        if (!confined) return confined.error();
        confined_ = std::move(*confined);
    }
    helper_->take_up();
    exporter_.use(configuration_->metrics);
    carry_out(supervisor_.start());
    return {};
}

void runtime::reload(completion done, bool may_lose_keys) {
    asked_.push_back(std::move(done));
    may_lose_keys_ |= may_lose_keys;
    carry_out(supervisor_.reload());
}

void runtime::stop(std::function<void()> stopped) {
    if (stopped_) return;
    stopped_ = std::move(stopped);
    // A grant that only we can end must not outlive us.
    const auto& backend = firewall::backend_named(configuration_->firewall.backend);
    const bool remove = firewall_ && (trial_end_ || !backend.can.expiry ||
                                      configuration_->firewall.on_stop == config::on_stop::remove);
    carry_out(supervisor_.stop(remove));
}

void runtime::carry_out(const supervisor::actions& actions) {
    for (const auto& a : actions) switch (a.kind) {
        case supervisor::kind::set_up:
            set_up();
            break;
        case supervisor::kind::serve:
            serve();
            break;
        case supervisor::kind::read:
            read();
            break;
        case supervisor::kind::adopt:
            adopt();
            break;
        case supervisor::kind::warm:
            warm();
            break;
        case supervisor::kind::prepare:
            prepare();
            break;
        case supervisor::kind::take_over:
            take_over();
            break;
        case supervisor::kind::drop:
            drop();
            break;
        case supervisor::kind::succeeded:
            log::info("configuration read again: " + std::to_string(configuration_->services.size()) +
                      " services, " + std::to_string(configuration_->keys.size()) + " keys");
            for (const auto& change : changes_) log::info("configuration: " + change);
            warn_of_no_key();
            tell(std::exchange(changes_, {}));
            break;
        case supervisor::kind::failed:
            changes_.clear();
            tell(refusal(error{a.text}, std::exchange(unreadable_, false) ? 2 : 1));
            break;
        case supervisor::kind::be_quiet:
            be_quiet();
            break;
        case supervisor::kind::withdraw:
            withdraw();
            break;
        case supervisor::kind::close:
            close();
            break;
        }
}

void runtime::set_up() {
    start_up_.begin({[this] { return set_up_guard(); }, [this] { return open_control(); },
                     [this] {
                         if (granter_.is_open()) return result<void>();
                         return granter_.open(configuration_->state, terms_of(*configuration_),
                                              configuration_->fleet, names());
                     },
                     [this]() -> result<void> {
                         // Once: from then on the configuration has no secrets.
                         if (!verifiers_) verifiers_ = make_verifiers(*configuration_, record(), nullptr);
                         return {};
                     },
                     [this]() -> result<void> {
                         time_ = make_time(*configuration_);
                         return {};
                     },
                     [this]() -> result<void> {
                         auto started = start_capture(*configuration_);
                         if (!started) return started.error();
                         listener_ = std::move(*started);
                         return {};
                     }},
                    [this] { carry_out(supervisor_.started()); });
}

result<void> runtime::bind_control() {
    if (control_) return {};
    const auto starter = helper_->is_apart() ? uid_t(0) : ::geteuid();
    auto bound = io::control::bind(context_, configuration_->control, control_operations(), seconds(2),
                                   configuration_->control_group, starter);
    if (!bound) return bound.error();
    control_ = std::move(*bound);
    return {};
}

/// Who is answered finds the guard there.
result<void> runtime::open_control() {
    const auto bound = bind_control();
    if (bound) return control_->listen();
    if (!confined_ || can_make(*confined_, configuration_->control)) return bound;
    return error{bound.error().text +
                 "; with nothing in its way it takes a restart: the server makes none in " +
                 folder_of(configuration_->control) + " any more"};
}

void runtime::serve() {
    if (!guard_kept_) keep_guard();
    const auto& c = *configuration_;
    log::info("guarding " + std::to_string(c.services.size()) + " services with " +
              std::to_string(c.keys.size()) + " keys; remembering " + std::to_string(c.knock.tracked) +
              " addresses in " + std::to_string(verifiers_->count("tracker_bytes") >> 20) + " MiB, and " +
              std::to_string(granter_.burnt()) + " burnt knocks");
    warn_of_no_key();
    listener_->heard = true;
    time_->start();
    populate();
    tick();
}

void runtime::warn_of_no_key() const {
    if (configuration_->keys.empty()) log::warning("there is no key: all stays shut, and nobody gets in");
}

/// Touching the tables takes longer than all else at a start, and neither the first fix nor the first knock
/// waits for it: SYNs that come earlier touch what they need.
void runtime::populate() {
    try {
        beside_.run(
            [verifiers = verifiers_.get()]() -> result<void> {
                io::populate(*verifiers);
                return {};
            },
            [](const result<void>&) {});
    } catch (const std::exception&) {
        // Without a thread they are touched when they are needed.
    }
}

void runtime::read() {
    const auto done = [this](result<successor> r) {
        unreadable_ = !r;
        const auto good = r ? fits(*r->configuration) : result<void>(r.error());
        if (!good) return carry_out(supervisor_.not_read(good.error().text));
        next_.emplace(next_one{std::move(*r), nullptr, nullptr});
        carry_out(supervisor_.read());
    };
    try {
        beside_.run([reader = reader_, record = record(), old = configuration_.get(),
                     before = verifiers_.get()] { return read_successor(reader, record, *old, before); },
                    done);
    } catch (const std::exception& e) {
        carry_out(supervisor_.not_read(e.what()));
    }
}

result<void> runtime::fits(const config::server& next) const try {
    const auto& old = *configuration_;
    if (((confined_ || granter_.is_open()) && next.state != old.state) ||
        ((confined_ || control_) && (next.control != old.control || next.control_group != old.control_group)))
        return error{"[server] state, control and control_group: expected as they were; a restart changes "
                     "them"};
    // By a folder that was moved, say, or not mounted: that would end all grants.
    if (next.keys.empty() && !old.keys.empty() && !may_lose_keys_)
        return error{"no section [key.NAME], expected at least one: nobody would get in any more. "
                     "`chronoknock uninvite` takes the last one out"};
    if (firewall_ && next.firewall.backend != old.firewall.backend)
        return error{"[firewall] backend: expected as it was; a restart changes it"};
    if (const auto same = fits_fleet(next.fleet); !same) return same;
    if (next.user != old.user) return error{"[server] user: expected as it was; a restart changes it"};
    return confined_ ? stays_within(*confined_, next) : result<void>();
} catch (const std::exception& e) {
    return error{e.what()}; // else nothing would end the reload, and later ones would wait for that
}

void runtime::adopt() {
    listener_.reset();
    go_over();
}

void runtime::warm() {
    try {
        if (next_->captures_other) {
            auto started = start_capture(*next_->configuration);
            if (!started) return carry_out(supervisor_.not_warmed(started.error().text));
            next_->captured = std::move(*started);
        }
        if (next_->configuration->time != configuration_->time)
            next_->time = make_time(*next_->configuration);
    } catch (const std::exception& e) {
        return carry_out(supervisor_.not_warmed(e.what()));
    }
    tick();
}

void runtime::prepare() {
    firewall_->prepare(rules_of(*next_->configuration), [this](const result<void>& done) {
        carry_out(done ? supervisor_.prepared() : supervisor_.not_prepared(done.error().text));
    });
}

void runtime::take_over() {
    batch_end(boot_now()); // what was seen until now counts by the old configuration
    if (auto captured = std::move(next_->captured)) {
        captured->heard = true;
        listener_ = std::move(captured);
    }
    if (auto time = std::move(next_->time)) {
        time_ = std::move(time);
        time_->start();
    }
    go_over();
    keep_guard();
    if (const auto now = boot_now(); granter_.lets_pass())
        if (const auto t = time_->now(now))
            verifiers_->advance(now, *t, ~std::size_t{0}); // all but the latest are up
    tick();
}

/// Puts what was read in the place of what there is.
void runtime::go_over() {
    helper_->take_up();
    successor s = std::move(*next_);
    next_.reset();
    if (verifiers_) s.verifiers->take_over(*verifiers_);
    std::ranges::move(s.changes, std::back_inserter(changes_));
    std::swap(s.verifiers, verifiers_);
    std::swap(s.configuration, configuration_);
    if (granter_.is_open()) {
        s.terms = granter_.set_terms(std::move(s.terms));
        granter_.use(configuration_->fleet);
        granter_.revoke_unentitled(clock());
    }
    notices_.set(configuration_->events);
    exporter_.use(configuration_->metrics);
    beside_.destroy(std::move(s)); // of 10,000 keys it takes some time
}

void runtime::drop() {
    if (!next_) return;
    successor s = std::move(*next_);
    next_.reset();
    beside_.destroy(std::move(s));
}

void runtime::tell(const changes& reloaded) {
    may_lose_keys_ = false;
    // In a turn of its own: grants that end with the reload have ended by then.
    boost::asio::post(context_, [asked = std::exchange(asked_, {}), reloaded] {
        for (const auto& told : asked) told(reloaded);
    });
}

void runtime::be_quiet() {
    keep_period(boot_now());
    timer_.cancel();
    trial_.cancel();
    start_up_.stop();
    listener_.reset();
    time_.reset();
}

void runtime::withdraw() {
    firewall_->withdraw([this](const result<void>& removed) {
        if (!removed)
            log::error(removed.error().text);
        else if (!firewall::backend_named(configuration_->firewall.backend).can.expiry)
            granter_.withdrawn(clock());
        // A trial takes away what it has set up, not the guard that was confirmed before it.
        if (trial_end_ && guarded_before_trial_) {
            if (const auto back = helper_->restore_guard(); back)
                log::warning("the guard that was there before the trial is back");
            else
                log::error("the guard that was there before the trial: " + back.error().text);
        }
        carry_out(supervisor_.withdrawn());
    });
}

void runtime::close() {
    boost::system::error_code ignored;
    helper_ended_.close(ignored);
    exporter_.stop();
    if (const auto closed = granter_.close_cleanly(); !closed) log::error(closed.error().text);
    control_.reset();
    firewall_.reset();
    stopped_();
}

record_view runtime::record() {
    return {[this](const address& a) { return granter_.knows(a); },
            [this](const std::string& key) { return granter_.newest_of(key); },
            [this](const std::string& key, std::int64_t place, const std::string& identity) {
                return granter_.is_burnt(key, place, identity);
            }};
}

std::unique_ptr<time_service> runtime::make_time(const config::server& c) {
    auto time = std::make_unique<time_service>(context_, c.time, time_service::role::daemon, names());
    time->not_before(granter_.newest());
    time->on_update([this] { tick(); });
    return time;
}

result<std::unique_ptr<runtime::listener>> runtime::start_capture(const config::server& c) {
    auto made = std::make_unique<listener>(*this);
    if (c.log.file.empty())
        made->capture =
            std::make_unique<io::capture>(context_, c.interfaces, method::wants(c), c.also_for, *made);
    else
        made->capture = std::make_unique<io::capture>(context_, log_source{c.log.file, c.log.format},
                                                      method::wants(c), c.also_for, *made);
    if (auto done = made->capture->start(); !done) return done.error();
    return made;
}

} // namespace chronoknock::io
