#include "timesync/peer.hpp"

#include <algorithm>
#include <cmath>

namespace chronoknock::timesync {
namespace {

candidate carried(const sample& s, instant to, const frequency_estimate& f) {
    const auto span = to - s.at;
    return {s.offset + drift(f, span), s.distance() + drift_bound(f, span)};
}

} // namespace

bool clock_filter::add(const sample& s, const frequency_estimate& f) {
    const auto forgotten = std::erase_if(samples_, [&](const sample& old) {
        const auto c = carried(old, s.at, f);
        return std::chrono::abs(c.offset - s.offset) > c.distance + s.distance();
    });
    if (samples_.size() == size) samples_.erase(samples_.begin());
    samples_.push_back(s);
    return forgotten > 0;
}

void clock_filter::widen(nanoseconds by) {
    for (auto& s : samples_) s.dispersion += by;
}

const sample* clock_filter::best(instant now, const frequency_estimate& f) const {
    const auto least =
        std::min_element(samples_.begin(), samples_.end(), [&](const sample& a, const sample& b) {
            return carried(a, now, f).distance < carried(b, now, f).distance;
        });
    return least == samples_.end() ? nullptr : &*least;
}

std::optional<candidate> clock_filter::at(instant now, const frequency_estimate& f) const {
    const auto* s = best(now, f);
    if (!s) return std::nullopt;
    const auto nearest = carried(*s, now, f);
    auto low = nearest.offset - nearest.distance;
    auto high = nearest.offset + nearest.distance;
    for (const auto& each : samples_) {
        const auto c = carried(each, now, f);
        low = std::max(low, c.offset - c.distance);
        high = std::min(high, c.offset + c.distance);
    }
    if (low > high) return nearest;
    return candidate{low + (high - low) / 2, (high - low) / 2};
}

nanoseconds clock_filter::jitter(instant now, const frequency_estimate& f) const {
    const auto* b = best(now, f);
    if (!b || samples_.size() < 2) return nanoseconds(0);
    const auto middle = carried(*b, now, f).offset;
    double squares = 0;
    for (const auto& s : samples_) {
        const auto off = static_cast<double>((carried(s, now, f).offset - middle).count());
        squares += off * off;
    }
    return nanoseconds(std::llround(std::sqrt(squares / static_cast<double>(samples_.size() - 1))));
}

} // namespace chronoknock::timesync
