#include "base/prefix_set.hpp"

#include <algorithm>
#include <cstring>
#include <endian.h>

namespace chronoknock {

prefix_set::number prefix_set::to_number(const address& a) {
    const auto* const bytes = a.bytes().data();
    if (a.is_v4()) {
        std::uint32_t n = 0;
        std::memcpy(&n, bytes, sizeof n);
        return be32toh(n);
    }
    std::array<std::uint64_t, 2> halves{};
    std::memcpy(halves.data(), bytes, sizeof halves);
    return number{be64toh(halves[0])} << 64 | be64toh(halves[1]);
}

prefix_set::prefix_set(std::span<const prefix> networks) {
    for (const auto& p : networks) {
        const auto host_bits = p.network.bytes().size() * 8 - p.length;
        const auto first = to_number(p.network);
        const auto hosts = host_bits == 128 ? ~number{0} : (number{1} << host_bits) - 1;
        ranges_[p.network.is_v4()].push_back({first, first | hosts});
    }
    for (auto& family : ranges_) {
        std::ranges::sort(family, {}, &range::first);
        std::size_t kept = 0;
        for (const auto& r : family) {
            if (kept != 0 && r.first <= family[kept - 1].last)
                family[kept - 1].last = std::max(family[kept - 1].last, r.last);
            else
                family[kept++] = r;
        }
        family.resize(kept);
    }
}

bool prefix_set::contains(const address& a) const {
    const auto& family = ranges_[a.is_v4()];
    const auto n = to_number(a);
    const auto after = std::ranges::upper_bound(family, n, {}, &range::first);
    return after != family.begin() && n <= std::prev(after)->last;
}

} // namespace chronoknock
