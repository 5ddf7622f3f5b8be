#include "client/pairing.hpp"

#include "client/reach.hpp"

#include <algorithm>
#include <string>

namespace chronoknock::client {

result<pairing> choose_pairing(std::span<const side> ways, const std::optional<address>& named,
                               bool only_v4) {
    const auto of_family = [&](bool v4) {
        return std::ranges::find(ways, v4, [](const side& s) { return s.target.is_v4(); });
    };
    if (named) {
        const auto by = of_family(!named->is_v4());
        if (by == ways.end())
            return error{"no way to the target by IPv" + std::string(named->is_v4() ? "6" : "4") +
                         ", which a knock that names " + named->to_string() + " has to go by"};
        return pairing{static_cast<std::size_t>(by - ways.begin()), *named};
    }
    const auto v4 = of_family(true), v6 = of_family(false);
    if (v4 == ways.end() || v6 == ways.end())
        return error{
            "expected ways to the target by IPv4 and by IPv6, to find an address of each; an address "
            "instead of auto says it"};
    if (!only_v4 && !is_translated(v6->source, v6->target))
        return pairing{static_cast<std::size_t>(v4 - ways.begin()), v6->source};
    if (!is_translated(v4->source, v4->target))
        return pairing{static_cast<std::size_t>(v6 - ways.begin()), v4->source};
    return error{"a router replaces " + (only_v4 ? v4->source : v6->source).to_string() +
                 ": an address instead of auto says which one the server sees"};
}

} // namespace chronoknock::client
