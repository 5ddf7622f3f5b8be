#include "grant/terms.hpp"

#include <algorithm>
#include <numeric>

namespace chronoknock::granting {

void terms::index() {
    if (by_name.size() == keys.size()) return;
    by_name.resize(keys.size());
    std::iota(by_name.begin(), by_name.end(), 0u);
    std::ranges::sort(by_name, {}, [this](std::uint32_t n) -> const std::string& { return keys[n].name; });
}

const terms::key* terms::find(std::string_view name, std::size_t at) const {
    if (at < keys.size() && keys[at].name == name) return &keys[at];
    const auto name_of = [this](std::uint32_t n) -> std::string_view { return keys[n].name; };
    const auto found = std::ranges::lower_bound(by_name, name, {}, name_of);
    return found != by_name.end() && name_of(*found) == name ? &keys[*found] : nullptr;
}

} // namespace chronoknock::granting
