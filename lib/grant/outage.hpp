#pragma once

#include "base/time.hpp"

#include <optional>
#include <string>
#include <utility>

namespace chronoknock::granting {

/// Says in the log that no knock is taken, and why: soon after that began, then once a minute.
class outage {
public:
    static constexpr nanoseconds patience = std::chrono::seconds(10); ///< a start, or a first fix, takes some
    static constexpr nanoseconds again = std::chrono::minutes(1);

    /// The line to log now, if any. why: empty while knocks are taken.
    std::optional<std::string> update(const std::string& why, instant now) {
        if (why.empty()) {
            began_.reset();
            if (std::exchange(told_, std::nullopt)) return "knocks are taken again";
            return {};
        }
        if (!began_) began_ = now;
        if (now - *began_ < patience || (told_ && now - *told_ < again)) return {};
        told_ = now;
        return "no knock is taken: " + why;
    }

private:
    std::optional<instant> began_;
    std::optional<instant> told_;
};

} // namespace chronoknock::granting
