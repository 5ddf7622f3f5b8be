#include "io/runtime.hpp"

#include "base/text.hpp"
#include "io/firewall/last_guard.hpp"
#include "io/log/log.hpp"
#include "io/store/sqlite_store.hpp"
#include "io/system/clock.hpp"
#include "io/system/random.hpp"
#include "method/method.hpp"

#include <cstring>
#include <memory>
#include <utility>
#include <variant>

namespace chronoknock::io {

namespace {

constexpr nanoseconds tick_idle = seconds(1);
constexpr nanoseconds tick_busy = milliseconds(1); // work is left over: new windows, postponed looks
constexpr std::size_t lines_per_tick = 256;        // some 0.2 ms of deriving
constexpr nanoseconds minute = std::chrono::minutes(1);
constexpr nanoseconds prune_every = std::chrono::hours(1);
constexpr std::uint64_t scan_worth_a_line = 100; // SYNs a minute

hash_seed random_seed() {
    hash_seed seed{};
    const auto bytes = random_secret(sizeof seed);
    if (!bytes) throw std::runtime_error(bytes.error().text);
    std::memcpy(seed.data(), bytes->data(), sizeof seed);
    return seed;
}

granting::terms terms_of(const config::server& c) {
    granting::terms t;
    for (const auto& k : c.keys) t.keys.push_back({k.name, k.knock_delay});
    for (const auto& s : c.services) t.services.push_back({s.name, s.open_for, s.open_for});
    return t;
}

log::level level_of(granting::severity s) {
    switch (s) {
    case granting::severity::info:
        return log::level::info;
    case granting::severity::warning:
        return log::level::warning;
    case granting::severity::error:
        return log::level::error;
    }
    return log::level::error;
}

/// Asks a shell for something. What it throws before it could answer is its answer.
template <class Ask, class Take>
void ask_shell(Ask ask, Take take) {
    try {
        ask(take);
    } catch (const std::exception& e) {
        take(error{e.what()});
    }
}

template <class... Handlers>
struct each_of : Handlers... {
    using Handlers::operator()...;
};

} // namespace

runtime::runtime(boost::asio::io_context& context, config::server configuration)
    : context_(context), timer_(context), start_up_(context),
      configuration_(std::make_unique<config::server>(std::move(configuration))), started_(boot_now()),
      minute_(started_), pruned_(started_) {}

result<void> runtime::start() {
    auto lock = daemon_lock::take(context_);
    if (!lock) return lock.error();
    lock_ = std::move(*lock);
    // What no waiting will mend. Whatever guard is there stays.
    const auto& backend = configuration_->firewall.backend;
    if (const auto possible = check_backend(backend, firewall_rules(*configuration_)); !possible)
        return possible;
    begin_start_up();
    return {};
}

void runtime::begin_start_up() {
    start_up_.begin({[this] { return set_up_guard(); }, [this] { return open_control(); },
                     [this] { return open_store(); },
                     [this]() -> result<void> {
                         // Once: from then on the configuration has no secrets.
                         if (!verifiers_) verifiers_ = make_verifiers(*configuration_);
                         return {};
                     },
                     [this]() -> result<void> {
                         time_ = make_time(*configuration_);
                         return {};
                     },
                     [this]() -> result<void> {
                         auto capture = start_capture(*configuration_);
                         if (!capture) return capture.error();
                         capture_ = std::move(*capture);
                         return {};
                     }},
                    [this] { started(); });
}

result<void> runtime::set_up_guard() {
    if (!firewall_) {
        auto opened = open_backend(configuration_->firewall.backend, context_);
        if (!opened) return opened.error();
        firewall_ = std::move(*opened);
    }
    const auto done = firewall_->prepare_now(firewall_rules(*configuration_));
    if (done) keep_guard();
    return done;
}

void runtime::keep_guard() {
    const auto kept = keep_last_guard(configuration_->state, firewall_rules(*configuration_));
    guard_kept_ = bool(kept);
    if (!kept) log::warning("the guard cannot be kept for the next boot: " + kept.error().text);
}

result<void> runtime::open_control() {
    if (control_) return {};
    auto opened =
        io::control::open(context_, configuration_->control,
                          {{"status", [this](const boost::json::object&, const reply& r) { r(status()); }}});
    if (!opened) return opened.error();
    control_ = std::move(*opened);
    return {};
}

result<void> runtime::open_store() {
    if (store_) return {};
    auto opened = sqlite_store::open(context_, configuration_->state);
    if (!opened) return opened.error();
    const auto burnt = (*opened)->load();
    if (!burnt) return burnt.error();
    store_ = std::move(*opened);
    pipeline_.emplace(granting::replay_guard(*burnt, store_->floor().value_or(unix_time::max())),
                      terms_of(*configuration_));
    return {};
}

void runtime::started() {
    if (!guard_kept_) keep_guard();
    const auto& c = *configuration_;
    log::info("guarding " + std::to_string(c.services.size()) + " services with " +
              std::to_string(c.keys.size()) + " keys; remembering " + std::to_string(c.knock.tracked) +
              " addresses in " + std::to_string(verifiers_->count("tracker_bytes") >> 20) + " MiB, and " +
              std::to_string(pipeline_->guard().size()) + " burnt knocks");
    time_->start();
    tick();
}

std::unique_ptr<method::verifier_set> runtime::make_verifiers(config::server& c) {
    auto made = std::make_unique<method::verifier_set>(method::verifiers(
        c, random_seed(), [this](const address& a) { return pipeline_->guard().knows(a); }));
    for (auto& k : c.keys) k.key->forget_secret(); // the verifiers have what they need of them
    return made;
}

std::unique_ptr<time_service> runtime::make_time(const config::server& c) {
    auto time = std::make_unique<time_service>(context_, c.time);
    time->on_update([this] { tick(); });
    return time;
}

result<std::unique_ptr<capture>> runtime::start_capture(const config::server& c) {
    capture_handler& self = *this;
    auto made = std::make_unique<capture>(context_, c.interfaces, method::wants(c), c.also_for, self);
    if (auto done = made->start(); !done) return done.error();
    return made;
}

result<void> runtime::reload(config::server configuration) {
    if (stopping_) return error{"the server is stopping"};
    const auto& old = *configuration_;
    if ((store_ && configuration.state != old.state) || (control_ && configuration.control != old.control))
        return error{"[server] state and control: expected as they were; a restart changes them"};
    if (firewall_ && configuration.firewall.backend != old.firewall.backend)
        return error{"[firewall] backend: expected as it was; a restart changes it"};
    auto next = std::make_unique<config::server>(std::move(configuration));
    if (!start_up_.complete()) {
        capture_.reset();
        verifiers_.reset();
        configuration_ = std::move(next);
        if (pipeline_) pipeline_->set_terms(terms_of(*configuration_));
        log::info("configuration read again");
        begin_start_up();
        return {};
    }

    // What can fail comes first, the firewall last of it.
    std::unique_ptr<capture> capture;
    if (next->interfaces != old.interfaces || next->also_for != old.also_for ||
        method::wants(*next) != method::wants(old)) {
        auto started = start_capture(*next);
        if (!started) return started.error();
        capture = std::move(*started);
    }
    std::unique_ptr<time_service> time;
    std::unique_ptr<method::verifier_set> verifiers;
    auto terms = terms_of(*next);
    try {
        if (next->time != old.time) time = make_time(*next);
        verifiers = make_verifiers(*next);
    } catch (const std::exception& e) { // no memory for another tracker, say
        return error{e.what()};
    }
    if (auto done = firewall_->prepare_now(firewall_rules(*next)); !done) return done;

    if (capture) capture_ = std::move(capture);
    verifiers_ = std::move(verifiers);
    configuration_ = std::move(next); // after the verifiers that referred to the old one
    pipeline_->set_terms(std::move(terms));
    keep_guard();
    gate_.shut();
    if (time) {
        time_ = std::move(time);
        time_->start();
    }
    tick();
    log::info("configuration read again: " + std::to_string(configuration_->services.size()) + " services, " +
              std::to_string(configuration_->keys.size()) + " keys");
    return {};
}

void runtime::stop(std::function<void()> stopped) {
    if (std::exchange(stopping_, true)) return;
    timer_.cancel();
    start_up_.stop();
    capture_.reset();
    time_.reset();
    if (!firewall_ || configuration_->firewall.on_stop == config::on_stop::keep) return end(), stopped();
    firewall_->withdraw([this, stopped = std::move(stopped)](const result<void>& removed) {
        if (!removed) log::error(removed.error().text);
        end();
        stopped();
    });
}

void runtime::end() {
    if (store_)
        if (const auto closed = store_->close_cleanly(); !closed) log::error(closed.error().text);
    control_.reset();
    firewall_.reset();
}

void runtime::tick() {
    if (stopping_) return; // its timer's handler may have been queued already
    tick_after(tick_idle); // also if something below throws
    const auto now = boot_now();
    const auto t = time_->now(now);
    const bool open_before = gate_.lets_pass();
    const auto floor = store_->floor();
    // To ask for the report costs more than all else, and with a floor that holds it does not matter.
    const bool trusted = !t || granting::gate::holds(floor, *t) || configuration_->time.servers.empty() ||
                         time_->report().state == timesync::sync_state::synchronised;
    carry_out(gate_.update(t, trusted, floor));
    bool busy = false;
    if (gate_.lets_pass()) {
        busy = !verifiers_->advance(now, *t, open_before ? lines_per_tick : ~std::size_t{0});
        if (verifiers_->waiting()) batch_end(now);
        busy |= verifiers_->waiting();
        if (now - pruned_ >= prune_every) {
            pruned_ = now;
            carry_out(pipeline_->prune(t->t));
        }
    }
    carry_out(pipeline_->due(now));
    if (now - minute_ >= minute) say_each_minute(now);
    if (busy) tick_after(tick_busy);
}

void runtime::tick_after(nanoseconds wait) {
    timer_.expires_after(wait);
    timer_.async_wait([this](boost::system::error_code stopped) {
        if (!stopped) tick();
    });
}

void runtime::say_each_minute(instant now) {
    minute_ = now;
    if (!guard_kept_) keep_guard();
    const auto syns = verifiers_->count("tracked");
    if (syns < told_syns_) told_syns_ = 0; // a new configuration counts anew
    if (syns - told_syns_ >= scan_worth_a_line)
        log::info(std::to_string(syns - told_syns_) + " SYNs to ports of the pool in the last minute, " +
                  std::to_string(pipeline_->count().granted) + " knocks granted since the start");
    told_syns_ = syns;
}

void runtime::observe(const packet::event& e, instant now) {
    if (gate_.lets_pass())
        verifiers_->observe(e, now);
    else
        ++untimely_;
}

void runtime::batch_end(instant now) {
    if (!gate_.lets_pass()) return;
    const auto t = time_->now(now);
    if (!t) return;
    verifiers_->advance(now, *t, lines_per_tick);
    const auto claims = verifiers_->end_batch(now);
    if (claims.empty()) return;
    carry_out(pipeline_->judge(claims, now, *t));
}

void runtime::carry_out(granting::actions todo) {
    for (auto& action : todo)
        std::visit(each_of{
                       [this](granting::redeem& r) {
                           ask_shell([&](const auto& take) { store_->redeem(std::move(r.tokens), take); },
                                     [this, batch = r.batch](const result<void>& done) {
                                         carry_out(pipeline_->redeemed(batch, done, boot_now()));
                                     });
                       },
                       [this](granting::forget& f) { store_->forget(std::move(f.tokens)); },
                       [this](const granting::open_services& o) {
                           std::vector<firewall::change> opens;
                           for (const auto& g : o.what) opens.push_back({g.who, g.service, g.open_for});
                           apply(o.knock, std::move(opens));
                       },
                       [this](const granting::close_services& c) {
                           std::vector<firewall::change> closes;
                           for (const auto& service : c.services)
                               closes.push_back({c.who, service, std::nullopt});
                           apply(c.knock, std::move(closes));
                       },
                       [this](const granting::guard_from& g) { pipeline_->set_floor(g.floor); },
                       [this](const granting::write_floor& w) {
                           ask_shell([&](const auto& take) { take(store_->set_floor(w.floor)); },
                                     [this](const result<void>& done) { carry_out(gate_.written(done)); });
                       },
                       [this](granting::note& n) { store_->note(std::move(n.entry)); },
                       [](const granting::tell& t) { log::write(level_of(t.level), t.line); },
                   },
                   action);
}

void runtime::apply(std::uint64_t knock, std::vector<firewall::change> changes) {
    ask_shell([&](const auto& take) { firewall_->apply(std::move(changes), take); },
              [this, knock](const result<void>& done) {
                  carry_out(pipeline_->carried_out(knock, done, boot_now()));
              });
}

boost::json::object runtime::status() {
    const auto now = boot_now();
    snapshot s{*configuration_, started_, now, system_now()};
    s.problem = start_up_.problem();
    s.accepting = gate_.lets_pass();
    s.knocks.untimely = untimely_;
    const auto grants =
        std::make_shared<result<std::vector<live_grant>>>(error{"the firewall is not set up"});
    if (firewall_)
        firewall_->list([grants](result<std::vector<live_grant>> all) { *grants = std::move(all); });
    s.grants = *grants;
    if (time_) s.time = time_->report();
    if (capture_) s.packets = capture_->count();
    if (verifiers_) s.count = [this](std::string_view name) { return verifiers_->count(name); };
    if (pipeline_) {
        const auto& c = pipeline_->count();
        s.knocks = {c.granted, c.repeated, c.refused, c.failed, untimely_};
        s.burnt = pipeline_->guard().size();
    }
    return status_json(s);
}

} // namespace chronoknock::io
