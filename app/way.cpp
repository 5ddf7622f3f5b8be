#include "app/way.hpp"

#include "client/pairing.hpp"
#include "client/reach.hpp"
#include "io/client/knocker.hpp"

#include <algorithm>

namespace chronoknock::app {

result<std::vector<io::destination>> find_addresses(const order& o) {
    auto found = io::resolve(o.profile.host);
    if (found) std::erase_if(*found, [&](const auto& to) { return !(to.ip.is_v4() ? o.v4 : o.v6); });
    return found;
}

result<std::vector<way>> find_ways(const order& o, const std::vector<io::destination>& addresses) {
    std::vector<way> ways;
    std::string obstacle = o.profile.host + ": no address of the wanted family";
    for (const auto& to : addresses) {
        const auto source = o.profile.source ? *o.profile.source : io::source_towards(to);
        if (!source) {
            obstacle = source.error().text;
            continue;
        }
        way w{to, *source, {}, o.profile.source.has_value()};
        if (io::is_local(w.source)) w.bind = w.source;
        ways.push_back(w);
    }
    if (ways.empty()) return error{obstacle};
    return ways;
}

std::vector<way> find_ways(const order& o) {
    const auto addresses = find_addresses(o);
    if (!addresses) throw stop{say(failed, addresses.error().text)};
    auto ways = find_ways(o, *addresses);
    if (!ways) throw stop{say(failed, ways.error().text)};
    return std::move(*ways);
}

std::vector<way> knock_ways(const order& o, const std::vector<way>& all) {
    if (o.resolver) return {all.front()};
    std::vector<way> ways;
    for (const auto& w : all)
        if (std::ranges::none_of(ways, [&](const way& k) { return k.to.ip.is_v4() == w.to.ip.is_v4(); }))
            ways.push_back(w);
    if (!o.pair) return ways;
    std::vector<client::side> sides;
    for (const auto& w : ways) sides.push_back({w.to.ip, w.source});
    const auto pair = client::choose_pairing(sides, o.pair->named, method::method_of(*o.key).carries.only_v4);
    if (!pair) throw stop{say(failed, "--pair: " + pair.error().text)};
    auto by = ways[pair->by];
    by.pair = pair->named;
    return {by};
}

void warn_of_translation(const order& o, const std::vector<way>& ways) {
    if (o.profile.source || !o.profile.stun.empty() || o.request.beneficiary || !o.key->heeds_address())
        return;
    for (const auto& w : ways)
        if (!w.pair && client::is_translated(w.source, w.to.ip))
            tell("knocking for " + w.source.to_string() +
                 ", which a router will replace; --stun HOST finds out what the server sees, --source IP "
                 "says it");
}

} // namespace chronoknock::app
