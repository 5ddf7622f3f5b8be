#pragma once

#include "base/time.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace chronoknock {

/// How many durations were at most as long as each of some bounds, 100 us to 10 s: what Prometheus calls a
/// histogram.
class histogram {
public:
    static constexpr std::array<nanoseconds, 16> bounds = {std::chrono::microseconds(100),
                                                           std::chrono::microseconds(200),
                                                           std::chrono::microseconds(500),
                                                           milliseconds(1),
                                                           milliseconds(2),
                                                           milliseconds(5),
                                                           milliseconds(10),
                                                           milliseconds(20),
                                                           milliseconds(50),
                                                           milliseconds(100),
                                                           milliseconds(200),
                                                           milliseconds(500),
                                                           seconds(1),
                                                           seconds(2),
                                                           seconds(5),
                                                           seconds(10)};

    void add(nanoseconds d) {
        const auto bound = std::ranges::lower_bound(bounds, d);
        ++counts_[static_cast<std::size_t>(bound - bounds.begin())];
        sum_ += d;
    }
    /// Durations of at most bounds[i]; of all lengths with i one past the last.
    std::uint64_t up_to(std::size_t i) const {
        std::uint64_t n = 0;
        for (std::size_t j = 0; j <= i && j < counts_.size(); ++j) n += counts_[j];
        return n;
    }
    std::uint64_t count() const { return up_to(bounds.size()); }
    nanoseconds sum() const { return sum_; }

private:
    std::array<std::uint64_t, bounds.size() + 1> counts_{};
    nanoseconds sum_{0};
};

} // namespace chronoknock
