#include "client/door.hpp"

#include <algorithm>

namespace chronoknock::client {

namespace {

constexpr nanoseconds least_silence = milliseconds(15);
constexpr nanoseconds unknown_silence = milliseconds(500);
constexpr nanoseconds most_silence = seconds(3);
/// The share of an address's silence after which the next is tried, and the most (RFC 8305, section 5).
constexpr int apart_share = 3;
constexpr nanoseconds most_apart = milliseconds(250);

} // namespace

nanoseconds silence_of_shut_door(std::optional<nanoseconds> round_trip, bool on_link) {
    if (round_trip) return std::clamp(3 * *round_trip, least_silence, most_silence);
    return on_link ? least_silence : unknown_silence;
}

bool worth_remembering(std::optional<nanoseconds> remembered, nanoseconds measured) {
    if (!remembered) return true;
    if (silence_of_shut_door(remembered, false) == silence_of_shut_door(measured, false)) return false;
    return measured > *remembered * 3 / 2 || measured < *remembered / 2;
}

instant door::after(instant since, nanoseconds time) {
    return time >= instant::max() - since ? instant::max() : since + time;
}

void door::set_silences(const std::vector<nanoseconds>& silences) {
    for (std::size_t i = 0; i < tries_.size(); ++i) tries_[i].silence = silences[i];
}

door::action door::next(instant now) {
    const auto begun = tries_.begin() + static_cast<std::ptrdiff_t>(begun_);
    const bool all_refused = std::all_of(tries_.begin(), begun, [](const attempt& a) { return a.refused; });
    if (begun_ < tries_.size()) {
        auto due = now;
        if (!all_refused) {
            const auto& last = tries_[begun_ - 1];
            due = after(last.since, std::min(last.silence / apart_share, most_apart));
        }
        if (now < due) return {step::wait, 0, due};
        tries_[begun_].since = now;
        return {step::attempt, begun_++, {}};
    }
    if (all_refused) return {step::shut};
    instant until{};
    for (const auto& a : tries_)
        if (!a.refused) until = std::max(until, after(a.since, a.silence));
    if (now >= until) return {step::shut};
    return {step::wait, 0, until};
}

} // namespace chronoknock::client
