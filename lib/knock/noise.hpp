#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::knock {

/// Keeps refused knocks from filling the log: the first of an address is told at once, the next ones as a
/// count, a minute later at the earliest. A fixed number of addresses; the oldest goes first.
class noise {
public:
    static constexpr nanoseconds quiet = std::chrono::minutes(1);

    struct line {
        address who;
        std::string what; ///< of the latest
        std::uint64_t count;
        bool operator==(const line&) const = default;
    };

    explicit noise(std::size_t addresses) : most_(addresses) {}

    /// A knock was refused. Gives the line to log now, if any.
    std::optional<line> refused(const address& who, const std::string& what, instant now);
    /// Lines that became due by `now`.
    std::vector<line> due(instant now);
    /// When due() will have something; instant::max() if nothing waits.
    instant next() const;

private:
    struct entry {
        line waiting;
        instant told; ///< when the last line on it was given
    };

    std::size_t most_;
    std::vector<entry> entries_; ///< in the order of `told`
};

} // namespace chronoknock::knock
