#include "firewall/backend.hpp"

#include "base/text.hpp"

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
    // Where another firewall shuts the ports, it does so for what is behind this host as well.
    if (!r.also_for.empty() && !b.can.prefixes && b.can.guard) return refuse("[capture] also_for");
    if (r.unauthorized == unauthorized::reset && !b.can.guard && b.needs != needs::anything)
        return refuse("[firewall] unauthorized = reset");
    return {};
}

result<table_name> table_name::parse(std::string_view text) {
    const auto blank = text.find(' ');
    const auto family = text.substr(0, blank);
    const auto name = blank == text.npos ? std::string_view() : trim(text.substr(blank));
    const bool known = family == "inet" || family == "ip" || family == "ip6";
    if (!known || !valid_set_name(name))
        return error{"expected a family and a table, like inet filter, not '" + printable(text) + "'"};
    if (name == table || name == spare_table)
        return error{"expected a table of yours: " + std::string(name) + " is chronoknock's own"};
    return table_name{std::string(family), std::string(name)};
}

bool valid_set_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-' || c == '.';
    };
    return !name.empty() && name.size() <= most_set_name && std::ranges::all_of(name, fits);
}

} // namespace chronoknock::firewall
