#include "io/firewall/protection.hpp"

#include "firewall/backend.hpp"
#include "io/firewall/guard_table.hpp"
#include "io/firewall/ip_sets.hpp"
#include "io/firewall/nft_look.hpp"
#include "io/firewall/nft_sets.hpp"
#include "io/firewall/set_backend.hpp"
#include "io/system/child.hpp"

namespace chronoknock::io {

namespace {

std::string joined(const std::vector<std::string>& parts) {
    std::string all;
    for (const auto& p : parts) all += (all.empty() ? "" : " and ") + p;
    return all;
}

/// Whether addresses can be put there and something comes of it.
void doubt_set(address_sets& sets, const set_place& p, const table_sight* table, protection& found) {
    const auto seen = sets.look(p);
    if (!seen)
        found.doubts.push_back(seen.error() == boost::system::errc::no_such_file_or_directory
                                   ? name_of(p) + " is not there: nothing can be opened"
                                   : text_of(name_of(p).c_str(), seen.error()).text);
    else if (!seen->unfit.empty())
        found.doubts.push_back(name_of(p) + ": " + seen->unfit);
    else if (table ? !table->sets.contains(p.name) : !seen->referred)
        found.doubts.push_back("no rule refers to " + name_of(p) + ": what is put there opens nothing");
}

protection by_nft_sets(const std::vector<set_place>& places) {
    protection found;
    const auto& table = places.front().table;
    const auto sets = open_nft_sets();
    const auto seen = look_at_table(table);
    if (!seen && seen.error() == boost::system::errc::no_such_file_or_directory) {
        found.doubts.push_back("there is no table " + table.to_string() + ": nothing shuts the ports");
        return found;
    }
    if (!seen || !sets) {
        found.doubts.push_back(text_of("reading the rules", seen ? sets.error() : seen.error()).text);
        return found;
    }
    for (const auto& p : places) doubt_set(**sets, p, &*seen, found);
    if (!seen->hooks_in)
        found.doubts.push_back("no chain of table " + table.to_string() +
                               " sees what comes in: nothing shuts the ports");
    else if (!seen->drops_by_policy && !seen->drops_or_rejects)
        found.doubts.push_back("table " + table.to_string() +
                               " drops nothing: expected a chain with policy drop, or a rule that drops "
                               "whom it has not accepted");
    return found;
}

protection by_ip_sets(const std::vector<set_place>& places) {
    protection found;
    const auto sets = open_ip_sets();
    if (!sets)
        found.doubts.push_back(text_of("ipset", sets.error()).text);
    else
        for (const auto& p : places) doubt_set(**sets, p, nullptr, found);
    return found;
}

} // namespace

protection protection_of(const config::server& c, const service& s) {
    const auto& backend = firewall::backend_named(c.firewall.backend);
    if (backend.can.guard) return {"the guard in table inet chronoknock, which the server sets up", {}};
    const auto places = places_of(s, config::rules_of(c));
    if (backend.needs == firewall::needs::table_and_sets || backend.needs == firewall::needs::sets) {
        const bool nft = backend.needs == firewall::needs::table_and_sets;
        auto found = nft ? by_nft_sets(places) : by_ip_sets(places);
        std::vector<std::string> names;
        for (const auto& p : places) names.push_back(nft ? name_of(p) : p.name);
        found.by = (nft ? "your rules that refer to " : "your iptables rules that refer to the ipset ") +
                   joined(names);
        if (places.size() == 1)
            found.doubts.push_back(std::string("set") + (places[0].family == 4 ? "6" : "4") +
                                   ": none: nobody is let in over IPv" + (places[0].family == 4 ? "6" : "4"));
        return found;
    }
    if (backend.needs == firewall::needs::programs)
        return {"whatever " + c.firewall.programs.open.front() + " opens and " +
                    c.firewall.programs.close.front() + " closes: nothing here can see it",
                {}};
    return {"nothing: a dry run", {"[firewall] backend = dry-run opens and shuts nothing"}};
}

} // namespace chronoknock::io
