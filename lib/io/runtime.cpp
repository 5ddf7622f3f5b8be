#include "io/runtime.hpp"

#include "base/text.hpp"
#include "io/firewall/last_guard.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"
#include "io/system/random.hpp"
#include "key/fingerprint.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstring>
#include <ctime>
#include <utility>

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

/// "2026-11-21 12:00:10", UTC.
std::string utc(std::int64_t t) {
    const std::time_t time = t;
    std::tm parts{};
    gmtime_r(&time, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%F %T", &parts)};
}

std::string milliseconds_text(nanoseconds d) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f ms", std::chrono::duration<double, std::milli>(d).count());
    return text;
}

port_set pool_of(const config::server& c) {
    std::vector<port_range> ranges;
    for (const auto& k : c.keys)
        ranges.insert(ranges.end(), k.key.ports.ranges().begin(), k.key.ports.ranges().end());
    return port_set(std::move(ranges));
}

std::vector<std::string> fingerprints_of(const config::server& c) {
    std::vector<std::string> all;
    for (const auto& k : c.keys) all.push_back(key::fingerprint(k.key));
    return all;
}

} // namespace

runtime::runtime(boost::asio::io_context& context, config::server configuration)
    : context_(context), timer_(context), start_up_(context),
      configuration_(std::make_unique<config::server>(std::move(configuration))),
      fingerprints_(fingerprints_of(*configuration_)), started_(boot_now()), minute_(started_),
      pruned_(started_) {}

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
                         if (!matcher_) matcher_ = make_matcher(*configuration_);
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
    auto opened = io::control::open(context_, configuration_->control, [this] { return status(); });
    if (!opened) return opened.error();
    control_ = std::move(*opened);
    return {};
}

result<void> runtime::open_store() {
    if (store_) return {};
    auto opened = io::store::open(configuration_->state);
    if (!opened) return opened.error();
    const auto burnt = opened->load();
    if (!burnt) return burnt.error();
    guard_.emplace(*burnt, opened->floor().value_or(unix_time::max()));
    store_ = std::move(*opened);
    return {};
}

void runtime::started() {
    if (!guard_kept_) keep_guard();
    const auto& c = *configuration_;
    log::info("guarding " + std::to_string(c.services.size()) + " services with " +
              std::to_string(c.keys.size()) + " keys; remembering " + std::to_string(c.knock.tracked) +
              " addresses in " + std::to_string(matcher_->addresses().bytes() >> 20) + " MiB, and " +
              std::to_string(guard_->size()) + " burnt knocks");
    time_->start();
    tick();
}

std::unique_ptr<time_sequence::matcher> runtime::make_matcher(config::server& c) {
    auto matcher = std::make_unique<time_sequence::matcher>(
        c, random_seed(), [this](const address& a) { return guard_->knows(a); });
    for (auto& k : c.keys) k.key.secret = key::secret_bytes(); // the matcher has what it needs of them
    return matcher;
}

std::unique_ptr<time_service> runtime::make_time(const config::server& c) {
    auto time = std::make_unique<time_service>(context_, c.time);
    time->on_update([this] { tick(); });
    return time;
}

result<std::unique_ptr<capture>> runtime::start_capture(const config::server& c) {
    capture_handler& self = *this;
    auto made = std::make_unique<capture>(context_, c.interfaces, pool_of(c), self);
    if (auto done = made->start(); !done) return done.error();
    return made;
}

result<void> runtime::reload(config::server configuration) {
    const auto& old = *configuration_;
    if ((store_ && configuration.state != old.state) || (control_ && configuration.control != old.control))
        return error{"[server] state and control: expected as they were; a restart changes them"};
    auto next = std::make_unique<config::server>(std::move(configuration));
    auto fingerprints = fingerprints_of(*next);
    if (!start_up_.complete()) {
        capture_.reset();
        matcher_.reset();
        configuration_ = std::move(next);
        fingerprints_ = std::move(fingerprints);
        log::info("configuration read again");
        begin_start_up();
        return {};
    }

    // What can fail comes first, the firewall last of it.
    std::unique_ptr<capture> capture;
    if (next->interfaces != old.interfaces || pool_of(*next) != pool_of(old)) {
        auto started = start_capture(*next);
        if (!started) return started.error();
        capture = std::move(*started);
    }
    std::unique_ptr<time_service> time;
    if (next->time != old.time) try {
            time = make_time(*next);
        } catch (const std::runtime_error& e) {
            return error{e.what()};
        }
    auto matcher = make_matcher(*next);
    if (auto done = firewall_->prepare_now(firewall_rules(*next)); !done) return done;

    if (capture) capture_ = std::move(capture);
    matcher_ = std::move(matcher);
    configuration_ = std::move(next); // after the matcher that referred to the old one
    fingerprints_ = std::move(fingerprints);
    keep_guard();
    accepting_ = false;
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

bool runtime::keep_floor(const time_estimate& t) {
    const auto earliest = t.t + t.error;
    const auto stored = store_->floor();
    if (stored && *stored <= earliest) {
        if (std::exchange(provisional_floor_, false)) guard_->set_floor(*stored);
        return true;
    }
    // None yet, or one that lies in the future for certain: the clock was ahead when it was set, and the
    // owner must not be locked out until then.
    const bool trusted =
        configuration_->time.servers.empty() || time_->report().state == timesync::sync_state::synchronised;
    if (!trusted) { // what the system clock says meanwhile is not for keeping
        if (!provisional_floor_) guard_->set_floor(earliest);
        provisional_floor_ = true;
        return true;
    }
    const auto set = store_->set_floor(earliest);
    if (!set) {
        if (told_error_ != set.error().text) log::error(told_error_ = set.error().text);
        return false;
    }
    guard_->set_floor(earliest);
    provisional_floor_ = false;
    log::info("the record of burnt knocks begins now: knocks count whose window begins after " +
              utc(to_seconds(earliest)) + " UTC");
    return true;
}

void runtime::tick() {
    const auto now = boot_now();
    const auto t = time_->now(now);
    const bool accepted_before = accepting_;
    accepting_ = t && keep_floor(*t);
    bool busy = false;
    if (accepting_) {
        busy = !matcher_->advance(now, *t, accepted_before ? lines_per_tick : ~std::size_t{0});
        if (matcher_->waiting()) batch_end(now);
        busy |= matcher_->waiting();
        if (now - pruned_ >= prune_every) {
            pruned_ = now;
            if (const auto forgotten = store_->forget(guard_->prune(t->t)); !forgotten)
                log::error(forgotten.error().text);
        }
    }
    for (const auto& line : noise_.due(now))
        log::warning("refused " + std::to_string(line.count) + " more from " +
                     (line.who ? line.who->to_string() : "many other addresses") + ", the latest " +
                     line.what);
    for (const auto& line : told_knocks_.due(now))
        log::info("key " + line.what + ": " + std::to_string(line.count) + " more knocks, opened or not");
    if (store_->has_unburnt()) (void)store_->burn({}); // why it failed was told
    if (now - minute_ >= minute) say_each_minute(now);

    timer_.expires_after(busy ? tick_busy : tick_idle);
    timer_.async_wait([this](boost::system::error_code stopped) {
        if (!stopped) tick();
    });
}

void runtime::say_each_minute(instant now) {
    minute_ = now;
    if (!guard_kept_) keep_guard();
    const auto syns = matcher_->count().tracked;
    if (syns < told_syns_) told_syns_ = 0; // a new configuration counts anew
    if (syns - told_syns_ >= scan_worth_a_line)
        log::info(std::to_string(syns - told_syns_) + " SYNs to ports of the pool in the last minute, " +
                  std::to_string(counters_.granted) + " knocks granted since the start");
    told_syns_ = syns;
}

void runtime::syn(const packet::syn& s, instant now) {
    if (accepting_)
        matcher_->observe(s, now);
    else
        ++counters_.untimely;
}

void runtime::batch_end(instant now) {
    if (!accepting_) return;
    const auto t = time_->now(now);
    if (!t) return;
    matcher_->advance(now, *t, lines_per_tick);
    for (const auto& m : matcher_->end_batch(now)) judge(m, now, *t);
}

void runtime::judge(const time_sequence::match& m, instant now, const time_estimate& t) {
    const auto& key = configuration_->keys[m.what.key];
    const bool all = m.what.service == time_sequence::line::all_services;
    granting::burnt burn{fingerprints_[m.what.key], all ? "" : configuration_->services[m.what.service].name,
                         key.key.ignore_ip ? std::nullopt : std::optional(m.who), m.t0, t.t};
    const granting::replay_guard::knock knock{
        burn, key.key.granularity, key.key.ignore_time, key.knock_delay, {t.t - (now - m.first), t.error}};
    const auto verdict = guard_->judge(knock);
    if (verdict == granting::judgement::accepted) return grant(m, std::move(burn), now);
    if (verdict == granting::judgement::repeated) {
        ++counters_.repeated;
        return;
    }
    ++counters_.refused;
    const auto what = "key " + key.name + ", window " + utc(m.t0) + ": " + std::string(to_string(verdict));
    if (const auto line = noise_.refused(m.who, what, now))
        log::warning("refused a knock from " + m.who.to_string() + ", " + what);
}

void runtime::grant(const time_sequence::match& m, granting::burnt burn, instant now) {
    const auto& key = configuration_->keys[m.what.key];
    accepted a{std::move(burn), {}, key.name, {}, now};
    std::string names;
    for (const auto index : key.services) {
        if (m.what.service != time_sequence::line::all_services && m.what.service != index) continue;
        const auto& service = configuration_->services[index];
        a.grants.push_back({m.who, service.name, service.open_for});
        names += (names.empty() ? "" : ", ") + service.name + " for " + to_string(service.open_for);
    }
    a.what = "key " + key.name + " opens " + names + " to " + m.who.to_string() + ", window " + utc(m.t0);
    accepted_.push_back(std::move(a));
    if (accepted_.size() == 1) boost::asio::post(context_, [this] { carry_out(); });
}

// What was accepted in a batch is one transaction of the store and one of the firewall. Burnt first: a grant
// whose knock was not written down could be had again.
void runtime::carry_out() {
    const auto batch = std::exchange(accepted_, {});
    std::vector<granting::burnt> burnt;
    for (const auto& a : batch) burnt.push_back(a.burn);
    if (const auto done = store_->burn(burnt); !done) {
        for (const auto& a : batch) opened(a, done);
        return;
    }
    if (const auto displaced = guard_->take_displaced(); !displaced.empty())
        if (const auto forgotten = store_->forget(displaced); !forgotten) log::error(forgotten.error().text);
    for (const auto& a : batch)
        firewall_->apply(a.grants, [this, a](const result<void>& done) { opened(a, done); });
}

void runtime::opened(const accepted& a, const result<void>& done) {
    const auto now = boot_now();
    const bool tell = told_knocks_.tell(a.key, now);
    if (!done) {
        ++counters_.failed;
        guard_->failed(a.burn);
        if (tell) log::error(a.what + ": not opened: " + done.error().text);
        return;
    }
    ++counters_.granted;
    if (tell) log::info(a.what + " (" + milliseconds_text(now - a.seen) + ")");
}

std::string runtime::status() {
    const auto now = boot_now();
    snapshot s{*configuration_, started_, now, system_now()};
    s.problem = start_up_.problem();
    s.accepting = accepting_;
    s.knocks = counters_;
    const auto grants =
        std::make_shared<result<std::vector<live_grant>>>(error{"the firewall is not set up"});
    if (firewall_)
        firewall_->list([grants](result<std::vector<live_grant>> all) { *grants = std::move(all); });
    s.grants = *grants;
    if (time_) s.time = time_->report();
    if (capture_) s.packets = capture_->count();
    if (matcher_) {
        s.matching = matcher_->count();
        s.tracker_bytes = matcher_->addresses().bytes();
        s.live_sequences = matcher_->keys().live_count();
    }
    if (guard_) s.burnt = guard_->size();
    return status_json(s);
}

} // namespace chronoknock::io
