#pragma once

#include "method/tracker.hpp"

#include <boost/container/static_vector.hpp>
#include <cstddef>

namespace chronoknock::method {

/// SYNs that came, until the processor has fetched for all of them what a tracker remembers of their
/// addresses: one after the other, each would wait for memory by itself.
class arrivals {
public:
    /// Where the next one, of a batch at `now`, is to be written to: by tracker::expect(), before anything
    /// else is done here. Those that must be taken before it are, by take(arrival, instant).
    template <class Take>
    tracker::arrival& next(const tracker& t, instant now, Take take) {
        if (now != now_ || waiting_.size() == waiting_.capacity()) take_all(t, take);
        now_ = now;
        return waiting_.emplace_back();
    }
    /// Takes all that wait, in the order in which they came. What throws is one's own: the others are next
    /// (and in next() the SYN that comes is lost).
    template <class Take>
    void take_all(const tracker& t, Take take) {
        for (auto i = taken_; i < waiting_.size(); ++i) t.fetch(waiting_[i]);
        while (taken_ < waiting_.size()) take(waiting_[taken_++], now_);
        waiting_.clear();
        taken_ = 0;
    }

private:
    boost::container::static_vector<tracker::arrival, 16> waiting_;
    std::size_t taken_ = 0; ///< how many of them have been dealt with
    instant now_{};         ///< of the batch they are of
};

} // namespace chronoknock::method
