#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::granting {

/// Keeps refused knocks from filling the log: the first of an address is told at once, the next ones as a
/// count, a minute later at the earliest. So for a few addresses; what others send is told as one count.
class noise {
public:
    static constexpr nanoseconds quiet = std::chrono::minutes(1);

    struct line {
        std::optional<address> who; ///< none: addresses beyond the few
        std::string what;           ///< of the latest
        std::uint64_t count = 0;
        bool operator==(const line&) const = default;
    };

    /// addresses: told of one by one at a time.
    explicit noise(std::size_t addresses) : most_(addresses) {}

    /// A knock was refused. Gives the line to log now, if any.
    std::optional<line> refused(const address& who, const std::string& what, instant now);
    /// Lines that became due by `now`.
    std::vector<line> due(instant now);

private:
    struct entry {
        line waiting;
        instant told; ///< when the last line on it was given, or its first refusal came
    };

    std::size_t most_;
    std::vector<entry> entries_;
    std::optional<entry> others_;
};

/// Keeps lines on a few things, each as often as somebody likes, from filling the log: of each so many a
/// minute are told, of the others their number.
class tally {
public:
    struct line {
        std::string what;
        std::uint64_t count;
        bool operator==(const line&) const = default;
    };

    explicit tally(std::uint64_t lines) : most_(lines) {}

    /// True if a line on `what` is to be told now.
    bool tell(const std::string& what, instant now);
    /// What was not told of minutes that were over by `now`.
    std::vector<line> due(instant now);

private:
    struct entry {
        instant begin;
        std::uint64_t count = 0;
    };
    std::uint64_t most_;
    std::map<std::string, entry> entries_;
};

} // namespace chronoknock::granting
