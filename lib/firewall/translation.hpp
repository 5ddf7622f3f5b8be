#pragma once

#include "base/error.hpp"
#include "base/time.hpp"

#include <optional>

namespace chronoknock::firewall {

/// What is known of iptables-legacy's translation of addresses by whoever has to ask another process. While
/// nothing is known there is some: a guard with rules too many holds, one with too few does not.
class translation {
public:
    /// After an answer that did not come, which was waited for, none is asked for during this time.
    static constexpr nanoseconds pause = std::chrono::minutes(1);

    bool is_due(instant now) const { return !next_ || now >= *next_; }
    void learn(const result<bool>& answer, instant now) {
        if (answer) known_ = *answer;
        next_ = answer ? std::nullopt : std::optional(now + pause);
    }
    bool known() const { return known_; }

private:
    bool known_ = true;
    std::optional<instant> next_;
};

} // namespace chronoknock::firewall
