#include "timesync/addresses.hpp"

#include <algorithm>

namespace chronoknock::timesync {
namespace {

/// Whoever has an address has all its ports.
bool contains(std::span<const endpoint> list, const endpoint& e) {
    return std::ranges::find(list, e.ip, &endpoint::ip) != list.end();
}

} // namespace

void unused_first(std::vector<endpoint>& found, std::span<const endpoint> used) {
    std::ranges::stable_partition(found, [&](const endpoint& e) { return !contains(used, e); });
}

void given_up::add(const endpoint& e) {
    std::erase(list_, e);
    if (list_.size() == size) list_.pop_front();
    list_.push_back(e);
}

std::optional<std::size_t> given_up::rank(const endpoint& e) const {
    const auto at = std::ranges::find(list_, e);
    if (at == list_.end()) return std::nullopt;
    return static_cast<std::size_t>(at - list_.begin());
}

std::optional<endpoint> pick(std::span<const endpoint> found, std::span<const endpoint> used,
                             const given_up& left) {
    std::optional<endpoint> oldest;
    for (const auto& e : found) {
        if (contains(used, e)) continue;
        if (!left.rank(e)) return e;
        if (!oldest || *left.rank(e) < *left.rank(*oldest)) oldest = e;
    }
    return oldest;
}

} // namespace chronoknock::timesync
