// What the server does while it serves: packets, ticks, questions. Its life is in runtime.cpp.
#include "io/log/log.hpp"
#include "io/runtime.hpp"
#include "io/system/clock.hpp"

#include <memory>
#include <string>
#include <utility>

namespace chronoknock::io {

namespace {

constexpr nanoseconds tick_idle = seconds(1);
constexpr nanoseconds tick_busy = milliseconds(1); // work is left over: new windows, postponed looks
constexpr std::size_t sequences_per_tick = 256;    // some 0.2 ms of deriving
constexpr std::size_t all_lines = ~std::size_t{0};
constexpr nanoseconds minute = std::chrono::minutes(1);
constexpr nanoseconds prune_every = std::chrono::hours(1);
constexpr std::uint64_t scan_worth_a_line = 100; // SYNs a minute

} // namespace

void runtime::tick() {
    if (!supervisor_.serves()) return; // its timer's handler may have been queued already
    tick_after(tick_idle);             // also if something below throws
    const auto now = boot_now();
    const auto t = time_->now(now);
    const bool was_open = granter_.lets_pass();
    granter_.update_gate(t, [this] {
        return configuration_->time.servers.empty() ||
               time_->report().state == timesync::sync_state::synchronised;
    });
    const bool knocked = std::exchange(untimely_before_, untimely_) != untimely_;
    if (!t && knocked) time_->knocked(); // which ticks in its turn
    bool busy = false;
    bool warm = true; // while no knock counts there is nothing to derive
    if (t && granter_.lets_pass()) {
        busy = !verifiers_->advance(now, *t, was_open ? sequences_per_tick : all_lines);
        if (next_) warm = next_->verifiers->advance(now, *t, sequences_per_tick);
        if (verifiers_->waiting()) batch_end(now);
        busy |= verifiers_->waiting() || !warm;
        if (now - pruned_ >= prune_every) {
            pruned_ = now;
            granter_.prune(t->t);
        }
    }
    granter_.due(now);
    granter_.keep_idle_grants(now, clock());
    if (const auto line = outage_.update(why_no_knock(), now))
        granter_.lets_pass() ? log::info(*line) : log::warning(*line);
    notices_.heed_time(t.has_value(), [this] { return time_->report().verdict; }, now);
    notices_.due(now);
    if (now - minute_ >= minute) report_each_minute(now);
    if (busy) tick_after(tick_busy);
    if (warm && supervisor_.now() == supervisor::state::warming) carry_out(supervisor_.warmed());
}

void runtime::tick_after(nanoseconds wait) {
    tick_due_ = boot_now() + wait;
    timer_.expires_after(wait);
    timer_.async_wait([this](boost::system::error_code stopped) {
        if (!stopped) tick();
    });
}

void runtime::report_each_minute(instant now) {
    minute_ = now;
    if (!guard_kept_) keep_guard();
    if (granter_.owes_revoking()) granter_.revoke_unentitled(clock());
    const auto syns = verifiers_->count("tracked");
    if (syns < told_syns_) told_syns_ = 0; // a new configuration counts anew
    if (syns - told_syns_ >= scan_worth_a_line)
        log::info(std::to_string(syns - told_syns_) + " SYNs to ports of the pool in the last minute, " +
                  std::to_string(granter_.count().granted) + " knocks granted since the start");
    told_syns_ = syns;
    if (sampler_.is_due(now)) keep_period(now);
}

void runtime::observe(const packet::event& e, instant now) {
    if (granter_.lets_pass())
        verifiers_->observe(e, now);
    else
        ++untimely_;
}

void runtime::batch_end(instant now) {
    if (!granter_.lets_pass()) return;
    const auto t = time_->now(now);
    if (!t) return;
    verifiers_->advance(now, *t, sequences_per_tick);
    const auto claims = verifiers_->end_batch(now);
    for (const auto& d : verifiers_->take_answers()) answerer_.send(d, now);
    if (!claims.empty()) granter_.judge(claims, now, *t);
    // Who waits for a ration must not wait for the next packet. (Not put off by each batch of a flood.)
    if (verifiers_->waiting() && tick_due_ > now + tick_busy) tick_after(tick_busy);
    verifiers_->rethrow();
}

/// Empty: they are taken.
std::string runtime::why_no_knock() {
    if (!start_up_.problem().empty()) return start_up_.problem();
    if (!supervisor_.serves()) return "the server is starting";
    if (granter_.lets_pass()) return {};
    if (!time_ || !time_->now(boot_now()))
        return "the time is not known: " + (time_ ? time_->report().verdict : "");
    return granter_.problem().empty() ? "the record of burnt knocks is being begun" : granter_.problem();
}

/// Writes a row of the series.
void runtime::keep_period(instant now) {
    if (!time_ || !verifiers_) return;
    const auto r = time_->report();
    const auto clock =
        r.estimate ? std::optional(report::clock_state{r.offset, r.estimate->error}) : std::nullopt;
    const auto c = granter_.count();
    granter_.keep(sampler_.take(now, r.estimate ? r.estimate->t : system_now(),
                                {verifiers_->count("tracked"), c.granted, c.refused, c.failed}, clock));
}

/// What time it is, for the history: by our servers, or else by the system clock.
unix_time runtime::clock() {
    const auto t = time_ ? time_->now(boot_now()) : std::nullopt;
    return t ? t->t : system_now();
}

} // namespace chronoknock::io
