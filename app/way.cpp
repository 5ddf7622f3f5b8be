#include "app/way.hpp"

#include "client/reach.hpp"
#include "io/client/knocker.hpp"

#include <algorithm>

namespace chronoknock::app {

std::vector<way> find_ways(const order& o) {
    const auto& host = o.profile.host;
    const auto found = io::resolve(host);
    if (!found) throw stop{say(failed, found.error().text)};
    std::vector<way> ways;
    std::string obstacle = host + ": no address of the wanted family";
    for (const auto& to : *found) {
        if (!(to.ip.is_v4() ? o.v4 : o.v6)) continue;
        const auto source = o.profile.source ? *o.profile.source : io::source_towards(to);
        if (!source) {
            obstacle = source.error().text;
            continue;
        }
        way w{to, *source, {}};
        if (io::is_local(w.source)) w.bind = w.source;
        ways.push_back(w);
    }
    if (ways.empty()) throw stop{say(failed, obstacle)};
    return ways;
}

std::vector<way> knock_ways(const order& o, const std::vector<way>& all) {
    if (o.resolver) return {all.front()};
    std::vector<way> ways;
    for (const auto& w : all)
        if (std::ranges::none_of(ways, [&](const way& k) { return k.to.ip.is_v4() == w.to.ip.is_v4(); }))
            ways.push_back(w);
    return ways;
}

void warn_of_translation(const order& o, const std::vector<way>& ways) {
    if (o.profile.source || o.request.beneficiary || !o.key->heeds_address()) return;
    for (const auto& w : ways)
        if (client::is_translated(w.source, w.to.ip))
            tell("knocking for " + w.source.to_string() +
                 ", which a router will replace; --source IP says what the server sees");
}

} // namespace chronoknock::app
