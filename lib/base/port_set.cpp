#include "base/port_set.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace chronoknock {

result<port_range> port_range::parse(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = parse_number(trim(text.substr(0, dash)), 0, 65535);
    if (!first) return error{"port: " + first.error().text};
    if (dash == text.npos)
        return port_range{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*first)};
    const auto last = parse_number(trim(text.substr(dash + 1)), *first, 65535);
    if (!last) return error{"port range: " + last.error().text};
    return port_range{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

std::string port_range::to_string() const {
    return first == last ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
}

port_set::port_set(std::vector<port_range> ranges) {
    std::ranges::sort(ranges, {}, &port_range::first);
    for (const auto& r : ranges) {
        if (!ranges_.empty() && r.first <= ranges_.back().last + 1)
            ranges_.back().last = std::max(ranges_.back().last, r.last);
        else
            ranges_.push_back(r);
    }
    for (const auto& r : ranges_) size_ += r.size();
}

result<port_set> port_set::parse(std::string_view text) {
    std::vector<port_range> ranges;
    for (const auto part : split_list(text)) {
        const auto range = port_range::parse(part);
        if (!range) return range.error();
        ranges.push_back(*range);
    }
    if (ranges.empty()) return error{"expected at least one port or range of ports"};
    return port_set{std::move(ranges)};
}

bool port_set::contains(std::uint16_t port) const {
    const auto after = std::ranges::upper_bound(ranges_, port, {}, &port_range::first);
    return after != ranges_.begin() && port <= std::prev(after)->last;
}

std::uint16_t port_set::operator[](std::uint32_t index) const {
    auto range = ranges_.begin();
    while (index >= range->size()) index -= (range++)->size();
    return static_cast<std::uint16_t>(range->first + index);
}

std::string port_set::to_string() const {
    std::string text;
    for (const auto& r : ranges_) text += (text.empty() ? "" : ",") + r.to_string();
    return text;
}

} // namespace chronoknock
