#include "timesync/clock.hpp"

#include "base/in_words.hpp"

#include <algorithm>
#include <cmath>

namespace chronoknock::timesync {
namespace {

constexpr std::size_t history_size = 64;
// More is held like any step: the system clock can be set by whoever deceives the machine's other daemons.
constexpr nanoseconds most_excused = std::chrono::hours(1);
constexpr nanoseconds day = std::chrono::hours(24);

nanoseconds from_seconds(double s) { return nanoseconds(std::llround(s * 1e9)); }

bool overlap(const offset_range& a, const offset_range& b) { return a.low <= b.high && b.low <= a.high; }

} // namespace

nanoseconds drift(const frequency_estimate& f, nanoseconds span) {
    return from_seconds(f.value * in_seconds(span));
}

nanoseconds drift_bound(const frequency_estimate& f, nanoseconds span) {
    const double t = std::abs(in_seconds(span));
    const double rate =
        f.known() ? std::min(tolerance::known + f.bound, tolerance::unknown) : tolerance::unknown;
    // The rate's bound grows by wander until nothing is known any more.
    const double growing = std::min(t, (tolerance::unknown - rate) / tolerance::wander);
    return from_seconds(growing * (rate + tolerance::wander * growing / 2) +
                        (t - growing) * tolerance::unknown);
}

offset_range clock::moved_to(const point& p, instant t) const {
    const auto span = t - p.at;
    const auto by = drift(frequency_, span);
    const auto bound = drift_bound(frequency_, span);
    return {p.range.low + by - bound, p.range.high + by + bound, p.range.offset + by};
}

std::optional<offset_range> clock::at(instant t) const {
    if (!fix_) return std::nullopt;
    return moved_to(*fix_, t);
}

std::optional<time_estimate> clock::now(instant t) const {
    const auto range = at(t);
    if (!range) return std::nullopt;
    return time_estimate{unix_time(t.time_since_epoch() + range->offset),
                         std::max(range->high - range->offset, range->offset - range->low)};
}

std::optional<instant> clock::held_since() const {
    if (!step_) return std::nullopt;
    return step_->since;
}

void clock::set(const offset_range& range, instant now) {
    fix_ = point{now, range};
    fix_->range.offset = std::clamp(range.offset, range.low, range.high);
    // A wider one may come from samples of before.
    if (range.high - range.low <= 2 * max_step_) excused_earlier_ = excused_later_ = nanoseconds(0);
}

void clock::forget_frequency() {
    frequency_ = {};
    history_.clear();
}

clock::update_result clock::update(const selection& s, instant now, bool fresh) {
    const offset_range said{s.low, s.high, s.offset};
    const auto expected = at(now);
    if (!expected) {
        learn_frequency({now, said});
        set(said, now);
        return {verdict::first, nanoseconds(0)};
    }
    const auto moved = said.offset - expected->offset;
    if (moved > max_step_ + excused_later_ || -moved > max_step_ + excused_earlier_) {
        if (!step_ || !overlap(moved_to(step_->said, now), said)) step_ = step{now, {now, said}};
        step_->said = {now, said};
        if (!believed(moved, now, fresh)) return {verdict::held, moved};
        forget_frequency();
        step_.reset();
        set(said, now);
        return {verdict::stepped, moved};
    }
    step_.reset();
    if (!overlap(*expected, said)) {
        forget_frequency();
        set({std::min(said.low, expected->low), std::max(said.high, expected->high), said.offset}, now);
        return {verdict::corrected, moved};
    }
    // The oscillator may have wandered since the frequency was learnt; what is learnt now may be better.
    set({std::max(said.low, expected->low), std::min(said.high, expected->high), said.offset}, now);
    learn_frequency({now, said});
    return {verdict::kept, moved};
}

// A step forwards burns the windows it jumps over for good, so each day of it has to be said for one more
// round.
bool clock::believed(nanoseconds moved, instant now, bool fresh) const {
    const auto rounds = step_polls * (1 + std::max(moved, nanoseconds(0)) / day);
    return fresh && now - step_->since >= rounds * interval_;
}

// The mean frequency between two moments is between the slopes that their intervals allow, whatever the paths
// do; the frequency at the end is within wander * span / 2 of the mean. Of all past agreements the one that
// bounds it best is taken (close ones suffer from the intervals' width, far ones from wander), and in between
// the slope of the regression line.
void clock::learn_frequency(const point& newest) {
    frequency_.bound += tolerance::wander * in_seconds(newest.at - learnt_);
    learnt_ = newest.at;
    auto best = history_.end();
    double least = 0;
    double most = 0;
    double best_bound = tolerance::unknown;
    for (auto p = history_.begin(); p != history_.end(); ++p) {
        const double span = in_seconds(newest.at - p->at);
        if (span <= 0) continue;
        const double slope_least = in_seconds(newest.range.low - p->range.high) / span;
        const double slope_most = in_seconds(newest.range.high - p->range.low) / span;
        const double bound = (slope_most - slope_least) / 2 + tolerance::wander * span / 2;
        if (bound >= best_bound) continue;
        best = p, best_bound = bound, least = slope_least, most = slope_most;
    }
    if (best != history_.end()) {
        const double slope = std::clamp(regression(best, newest), least, most);
        const double bound =
            std::max(slope - least, most - slope) + tolerance::wander * in_seconds(newest.at - best->at) / 2;
        if (bound < frequency_.bound) frequency_ = {slope, bound};
    }
    if (!frequency_.known()) frequency_ = {};

    if (!history_.empty() &&
        newest.at - history_.back().at < std::max<nanoseconds>(interval_ / 2, seconds(16)))
        return;
    if (history_.size() == history_size) history_.pop_front();
    history_.push_back(newest);
}

double clock::regression(std::deque<point>::const_iterator from, const point& newest) const {
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    const auto add = [&](const point& p) {
        const double px = in_seconds(p.at - newest.at);
        const double py = in_seconds(p.range.offset - newest.range.offset);
        n += 1, x += px, y += py, xx += px * px, xy += px * py;
    };
    std::for_each(from, history_.cend(), add);
    add(newest);
    const double spread = n * xx - x * x;
    return spread > 0 ? (n * xy - x * y) / spread : 0;
}

void clock::widen(nanoseconds earlier, nanoseconds later, instant now) {
    frequency_.bound += tolerance::wander * in_seconds(now - learnt_);
    learnt_ = now;
    history_.clear();
    step_.reset();
    if (!fix_) return;
    auto range = moved_to(*fix_, now);
    range.low -= earlier;
    range.high += later;
    set(range, now);
    excused_earlier_ += std::min(earlier, most_excused);
    excused_later_ += std::min(later, most_excused);
}

} // namespace chronoknock::timesync
