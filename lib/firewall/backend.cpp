#include "firewall/backend.hpp"

namespace chronoknock::firewall {

result<void> check(const rules& r, const backend& b) {
    const auto refuse = [&](const std::string& field) {
        return error{field + ": the backend " + std::string(b.name) + " has no such thing"};
    };
    for (const auto& s : r.services) {
        if (s.uses > 0 && !b.can.uses) return refuse("[service." + s.name + "] uses");
        if (!(s.prefixes4.empty() && s.prefixes6.empty()) && !b.can.prefixes)
            return refuse("prefix4 or prefix6 of a key that opens [service." + s.name + "]");
        if (s.until_idle && !b.can.flows) return refuse("[service." + s.name + "] until = idle");
    }
    if (!r.always_allow.empty() && !b.can.prefixes) return refuse("[firewall] always_allow");
    if (!r.also_for.empty() && !b.can.prefixes) return refuse("[capture] also_for");
    return {};
}

} // namespace chronoknock::firewall
