#pragma once

#include "base/port_set.hpp"

#include <bitset>
#include <cstdint>
#include <memory>

namespace chronoknock {

/// A set of ports that is asked for each packet. Nearly every one is a single range, and then it is two
/// numbers; else it has a bit for each port.
class port_table {
public:
    port_table() = default;
    explicit port_table(const port_set& ports) {
        const auto ranges = ports.ranges();
        if (ranges.empty()) return;
        first_ = ranges.front().first;
        count_ = std::uint32_t{ranges.back().last} - first_ + 1;
        if (ranges.size() == 1) return;
        auto bits = std::make_shared<std::bitset<65536>>();
        for (const auto& range : ranges)
            for (std::uint32_t port = range.first; port <= range.last; ++port) bits->set(port);
        bits_ = std::move(bits);
    }

    bool contains(std::uint16_t port) const {
        return port - first_ < count_ && (!bits_ || (*bits_)[port]); // what is below the first wraps around
    }
    bool empty() const { return count_ == 0; }

private:
    std::uint32_t first_ = 0;
    std::uint32_t count_ = 0; ///< from the first to the last
    std::shared_ptr<const std::bitset<65536>> bits_;
};

} // namespace chronoknock
