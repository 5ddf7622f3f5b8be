#pragma once

#include "timesync/select.hpp"
#include "timesync/settings.hpp"

#include <deque>
#include <optional>

/// The estimate: what the boot clock has to be corrected by, and how surely.
namespace chronoknock::timesync {

/// The offset lies within [low, high]; the best guess is offset.
struct offset_range {
    nanoseconds low{0};
    nanoseconds high{0};
    nanoseconds offset{0};
};

/// Frequency error of the boot clock in seconds a second, positive when it is slow, and a bound on the error
/// of that.
struct frequency_estimate {
    double value = 0;
    double bound = tolerance::unknown;
    bool known() const { return bound < tolerance::unknown; }
};

/// The error a span of time adds, with the frequency known as well as `f`, or not at all.
nanoseconds drift_bound(const frequency_estimate& f, nanoseconds span);
/// What the frequency moves the offset by.
nanoseconds drift(const frequency_estimate& f, nanoseconds span);

/// Keeps an interval that contains the truth. Each agreement of the servers is intersected with what the last
/// one and the oscillator's tolerance allow (rule IM of Marzullo and Owicki, "Maintaining the time in a
/// distributed system", 1983); frequency by regression over past agreements, its bound from their intervals.
class clock {
public:
    enum class verdict {
        first,     ///< the first fix
        kept,      ///< agrees with what was known
        corrected, ///< does not, by less than max_step: both are kept possible, the frequency is learnt anew
        held,   ///< would move the clock by more than max_step, and than it was widened by: not believed yet
        stepped ///< it was held long enough
    };
    struct update_result {
        verdict what = verdict::kept;
        nanoseconds moved{0}; ///< what the estimate moved by, or would have
    };

    clock(nanoseconds interval, nanoseconds max_step) : interval_(interval), max_step_(max_step) {}

    /// An agreement of the servers about the offset at a moment. fresh: each of the servers that are needed
    /// has answered at least step_polls times since held_since(); asked only while a step is held.
    update_result update(const selection& s, instant now, bool fresh);
    /// No agreement: a held step is forgotten.
    void no_agreement() { step_.reset(); }

    /// The offset at a moment, also in the near past; empty before the first fix.
    std::optional<offset_range> at(instant t) const;
    std::optional<time_estimate> now(instant t) const;
    const frequency_estimate& frequency() const { return frequency_; }

    /// Since when the servers have been agreeing on a step that is not believed yet.
    std::optional<instant> held_since() const;
    /// Something happened (sleep, a pause, a leap second): the truth may be earlier or later by so much.
    void widen(nanoseconds earlier, nanoseconds later, instant now);

    /// A step has to be said by so many answers of each server that is needed.
    static constexpr int step_polls = 3;

private:
    struct point {
        instant at;
        offset_range range;
    };
    struct step {
        instant since;
        point said; ///< what was said last
    };
    void learn_frequency(const point& newest);
    double regression(std::deque<point>::const_iterator from, const point& newest) const;
    void forget_frequency();
    bool believed(nanoseconds moved, instant now, bool fresh) const;
    void set(const offset_range& range, instant now);
    offset_range moved_to(const point& p, instant t) const;

    nanoseconds interval_;
    nanoseconds max_step_;
    std::optional<point> fix_;
    std::optional<step> step_;
    /// Steps, each way, that the machine itself saw reason for, until the servers spoke.
    nanoseconds excused_earlier_{0};
    nanoseconds excused_later_{0};
    std::deque<point> history_; ///< what the servers agreed on, apart enough to tell a frequency
    frequency_estimate frequency_;
    instant learnt_{}; ///< frequency_.bound is of that moment
};

} // namespace chronoknock::timesync
