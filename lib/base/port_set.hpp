#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock {

/// Ports first..last, both included.
struct port_range {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    std::uint32_t size() const { return std::uint32_t{last} - first + 1; }
    /// "22" or "1000-2000".
    static result<port_range> parse(std::string_view text);
    std::string to_string() const;
    bool operator==(const port_range&) const = default;
};

/// A sorted set of ports without repeats, kept as ranges that neither overlap nor touch.
class port_set {
public:
    port_set() = default;
    explicit port_set(std::vector<port_range> ranges);
    /// From comma-separated ports and ranges; at least one.
    static result<port_set> parse(std::string_view text);

    std::uint32_t size() const { return size_; }
    bool contains(std::uint16_t port) const;
    /// The index-th port in rising order; index < size().
    std::uint16_t operator[](std::uint32_t index) const;
    std::span<const port_range> ranges() const { return ranges_; }
    std::string to_string() const;
    bool operator==(const port_set&) const = default;

private:
    std::vector<port_range> ranges_;
    std::uint32_t size_ = 0;
};

} // namespace chronoknock
