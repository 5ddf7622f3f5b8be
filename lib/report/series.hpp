#pragma once

#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

/// What is told of a server to those who look after it: metrics, and pictures of a month.
namespace chronoknock::report {

/// What the system clock was found to be off by.
struct clock_state {
    nanoseconds offset{0}; ///< the true time less the system clock
    nanoseconds error{0};  ///< bound on what the server's own time may be off by
    bool operator==(const clock_state&) const = default;
};

/// A row of the series that the server keeps: what happened in a span of time.
struct period {
    unix_time end;
    nanoseconds span{0};
    std::uint64_t syns = 0; ///< to ports of the pools: nearly all of them strangers'
    std::uint64_t granted = 0;
    std::uint64_t refused = 0;
    std::uint64_t failed = 0;
    std::optional<clock_state> clock = {}; ///< at its end; none: not known
    bool operator==(const period&) const = default;
};

/// How long a row is, and how many are kept: 30 days of them.
inline constexpr nanoseconds period_length = std::chrono::minutes(5);
inline constexpr std::size_t most_periods = 30 * 24 * 12;

/// What counters show; each may begin anew at zero.
struct totals {
    std::uint64_t syns = 0;
    std::uint64_t granted = 0;
    std::uint64_t refused = 0;
    std::uint64_t failed = 0;
};

/// Makes rows of counters.
class sampler {
public:
    explicit sampler(instant started) : begin_(started) {}

    bool is_due(instant now) const { return now - begin_ >= period_length; }
    /// What happened since the last call, or the start.
    period take(instant now, unix_time t, const totals& shown, const std::optional<clock_state>& clock);

private:
    instant begin_;
    totals before_;
};

} // namespace chronoknock::report
