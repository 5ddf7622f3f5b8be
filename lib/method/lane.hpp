#pragma once

#include "base/time.hpp"
#include "method/tracker.hpp"

#include <algorithm>
#include <boost/circular_buffer.hpp>

namespace chronoknock::method {

/// A ration of derivations or decryptions, so many a second.
class ration {
public:
    /// burst: what can be saved up; it is there at the start.
    constexpr ration(double per_second, double burst)
        : per_second_(per_second), burst_(burst), left_(burst) {}

    void refill(nanoseconds passed) {
        left_ = std::min(burst_, left_ + std::chrono::duration<double>(passed).count() * per_second_);
    }
    bool has_ration() const { return left_ >= 1; }
    bool is_over_half() const { return 2 * left_ > burst_; }
    /// What was begun may go into debt: the next one waits until that is made up for.
    void spend(double derivations) { left_ -= derivations; }

private:
    double per_second_;
    double burst_;
    double left_;
};

/// A ration and the addresses that wait for it, the oldest first. Whoever waits keeps his place: where it is
/// full, newcomers are turned away.
class lane : public ration {
public:
    lane(double per_second, double burst, std::size_t most_waiting)
        : ration(per_second, burst), waiting_(most_waiting) {}

    /// True if who comes now is served now.
    bool is_free() const { return has_ration() && waiting_.empty(); }
    boost::circular_buffer<tracker::slot>& waiting() { return waiting_; }
    const boost::circular_buffer<tracker::slot>& waiting() const { return waiting_; }

private:
    boost::circular_buffer<tracker::slot> waiting_;
};

} // namespace chronoknock::method
