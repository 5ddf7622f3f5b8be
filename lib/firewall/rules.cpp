#include "firewall/rules.hpp"

#include "base/text.hpp"
#include "firewall/chains.hpp"
#include "firewall/reset.hpp"
#include "firewall/script.hpp"

#include <algorithm>
#include <boost/crc.hpp>
#include <cstdio>

namespace chronoknock::firewall {

namespace {

std::string address_type(int family) { return family == 4 ? "ipv4_addr" : "ipv6_addr"; }

std::string grant_set_definition(const service& s, int family, std::optional<std::uint8_t> length) {
    auto text = "\tset " + set_name(s, family, length) + " { type " + address_type(family) + "; ";
    if (s.uses == 0) return text + "flags timeout; }\n";
    // Each element carries a bucket of its own with `uses` tokens. The kernel takes a token under a lock, so
    // two SYNs on two CPUs never share the last one. Once a week one token comes back. (A set that rules
    // delete from must have a size.)
    return text + "flags dynamic,timeout; " + (s.uses == 1 ? "size 131072; " : "") +
           "limit rate 1/week burst " + std::to_string(s.uses) + " packets; }\n";
}

std::string cut_set_definition(const cut_set& s) {
    return std::string("\tset ") + s.name + " { type " + address_type(s.family) +
           " . inet_service . inet_service; flags dynamic,timeout; timeout " + s.timeout +
           "; size 65536; }\n";
}

std::string flow_set_definition(const flow_set& s) {
    return std::string("\tset ") + s.name + " { type " + address_type(s.family) + " . inet_service . " +
           (s.lasting ? "" : address_type(s.family) + " . ") +
           "inet_service; flags dynamic,timeout; timeout " + s.timeout + "; size 262144; }\n";
}

std::string set_definitions(const rules& r) {
    std::string text;
    for (const auto& s : flow_sets) text += flow_set_definition(s);
    for (const auto& s : cut_sets) text += cut_set_definition(s);
    for (const auto& s : r.services)
        for (const auto family : families) {
            text += grant_set_definition(s, family, {});
            for (const auto length : s.prefixes(family)) text += grant_set_definition(s, family, length);
        }
    if (r.trial_end) text += std::string("\tset ") + trial_set + " { type inet_proto; flags timeout; }\n";
    return text + reset_maps();
}

/// Eight hexadecimal digits that another list of ports does not have, but for one in four billion.
std::string ports_mark(const service& s) {
    boost::crc_32_type crc;
    for (const auto protocol : {transport::tcp, transport::udp}) {
        const auto text = name(protocol) + "/" + ports_of(s.ports, protocol).to_string() + ";";
        crc.process_bytes(text.data(), text.size());
    }
    char mark[9];
    std::snprintf(mark, sizeof mark, "%08x", static_cast<unsigned>(crc.checksum()));
    return mark;
}

/// True if the inside of a table defines something of that kind ("set", "map", "chain") and name.
bool defines(const std::string& text, const std::string& kind, const std::string& what) {
    return text.find("\t" + kind + " " + what + " {") != text.npos;
}

bool is_plain(std::string_view name) {
    return !name.empty() &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
               name.npos;
}

/// "add element" of what goes to a guarded port among these; empty if nothing does.
template <class Flows>
std::string elements_text(const rules& r, const std::string& set, transport protocol, int family,
                          const Flows& flows) {
    const auto ports = guarded_ports(r, protocol);
    std::vector<std::string> elements;
    for (const auto& f : flows)
        if (f.protocol == protocol && f.peer.family() == family && ports.contains(f.port))
            elements.push_back(f.peer.to_string() + " . " + std::to_string(f.peer_port) + " . " +
                               std::to_string(f.port));
    return elements.empty() ? "" : "add element inet " + r.table + " " + set + " " + join(elements) + "\n";
}

std::string cut_elements(const rules& r, const std::set<flow>& cut) {
    std::string text;
    for (const auto& s : cut_sets) text += elements_text(r, s.name, transport::udp, s.family, cut);
    return text;
}

/// What is there has its time from an earlier writing, and whether an element that is put in again begins it
/// anew depends on the kernel.
std::string trial_elements(const rules& r) {
    if (!r.trial_end) return {};
    const auto set = "inet " + r.table + " " + trial_set;
    const auto left = std::chrono::ceil<seconds>(r.trial_left).count();
    if (left <= 0) return "flush set " + set + "\n";
    const auto timeout = " timeout " + std::to_string(left) + "s";
    return "flush set " + set + "\nadd element " + set + " { tcp" + timeout + ", udp" + timeout + " }\n";
}

} // namespace

result<void> check(const rules& r) {
    if (!is_our_table(r.table))
        return error{"firewall: expected the table " + std::string(table) + " or " + spare_table + ", not '" +
                     printable(r.table) + "'"};
    for (const auto& s : r.services) {
        if (!service::valid_name(s.name))
            return error{"firewall: '" + printable(s.name) + "' cannot name a service"};
        if (s.uses > most_uses)
            return error{"service." + s.name + ": uses: expected a whole number from 0 to " +
                         std::to_string(most_uses)};
    }
    return {};
}

bool holds(const rules& standing, rules asked) {
    asked.translated = standing.translated;
    asked.table = standing.table;
    asked.trial_left = standing.trial_left;
    return asked == standing;
}

std::string admission_script(const rules& r, std::span<const flow> admitted) {
    std::string text;
    for (const auto protocol : {transport::tcp, transport::udp})
        for (const auto family : families)
            text += elements_text(r, name(protocol) + std::to_string(family), protocol, family, admitted);
    return text;
}

std::string set_name(const service& s, int family, std::optional<std::uint8_t> length) {
    // A service's name begins with a letter and has no dot, so nothing else is mistaken for a part of it.
    return (length ? "net" : "grant") + std::to_string(family) + "_" +
           (length ? std::to_string(*length) + "_" : "") + (s.uses > 0 ? std::to_string(s.uses) + "_" : "") +
           s.name + "." + ports_mark(s);
}

std::string set_name(const service& s, const prefix& who) {
    return set_name(s, who.network.family(), who.is_single() ? std::nullopt : std::optional(who.length));
}

prefix who_of(const grant_set& set, const address& element) {
    return set.length ? prefix(element, *set.length) : prefix(element);
}

namespace {

/// Takes "NUMBER_" from the beginning of a text; 0: it does not begin with a digit. Nothing: no such number.
std::optional<std::uint32_t> take_number(std::string_view& text, std::int64_t most) {
    const auto end = text.find_first_not_of("0123456789");
    if (end == 0 || end == text.npos) return 0;
    const auto number = parse_number(text.substr(0, end), 1, most);
    if (!number || text[end] != '_') return {};
    text.remove_prefix(end + 1);
    return static_cast<std::uint32_t>(*number);
}

} // namespace

std::optional<grant_set> parse_set_name(std::string_view name) {
    const bool of_networks = name.starts_with("net4_") || name.starts_with("net6_");
    if (!of_networks && !name.starts_with("grant4_") && !name.starts_with("grant6_")) return {};
    grant_set set;
    set.family = name[of_networks ? 3 : 5] - '0';
    name.remove_prefix(of_networks ? 5 : 7);
    if (of_networks) {
        const auto length = take_number(name, set.family == 4 ? 31 : 127);
        if (!length || *length == 0) return {};
        set.length = static_cast<std::uint8_t>(*length);
    }
    const auto uses = take_number(name, most_uses);
    if (!uses) return {};
    set.uses = *uses;
    const auto dot = name.find('.');
    if (dot == name.npos || !service::valid_name(name.substr(0, dot))) return {};
    set.service = name.substr(0, dot);
    set.ports_mark = name.substr(dot + 1);
    if (set.ports_mark.size() != 8 || set.ports_mark.find_first_not_of("0123456789abcdef") != name.npos)
        return {};
    return set;
}

result<std::string> setup_script(const rules& r, const table_state& existing, std::span<const flow> admitted,
                                 const std::set<flow>& cut) {
    if (const auto ok = check(r); !ok) return ok.error();

    const auto ours = "inet " + r.table + " ";
    const auto sets = set_definitions(r), chains = chains_text(r);
    const auto is_wanted = [&](const std::string& set) {
        return defines(sets, "set", set) || defines(sets, "map", set);
    };

    // Names come from the kernel, where whoever made the table chose them.
    for (const auto* names : {&existing.sets, &existing.chains})
        for (const auto& one : *names)
            if (!is_plain(one))
                return error{"firewall: a name in the table is not one of ours: " + printable(one)};

    std::string text = r.table == table ? removal_script(spare_table) : "";
    text += "add table inet " + r.table + "\n";
    text += "flush table inet " + r.table + "\n"; // its rules; sets keep their elements
    for (const auto& one : existing.chains)
        if (!defines(chains, "chain", one)) text += "delete chain " + ours + one + "\n";
    // Sets that a flushed rule alone used are gone with it; their names begin with two underscores.
    for (const auto& set : existing.sets)
        if (!is_wanted(set) && !set.starts_with("__")) text += "delete set " + ours + set + "\n";
    for (const auto& e : existing.permanent)
        if (is_plain(e.set) && is_wanted(e.set))
            text += "delete element " + ours + e.set + " { " + e.who.to_string() + " }\n";

    text += "table " + ours + "{\n" + sets + chains + "}\n" + trial_elements(r) + cut_elements(r, cut) +
            admission_script(r, admitted);
    return {boost::system::in_place_value, std::move(text)};
}

std::string removal_script(const std::string& name) {
    const std::string ours = "inet " + name + "\n";
    return "add table " + ours + "delete table " + ours;
}

bool guards(const service& s, transport protocol, std::uint16_t port) {
    return std::ranges::any_of(s.ports, [&](const endpoint_range& e) {
        return e.protocol == protocol && e.ports.first <= port && port <= e.ports.last;
    });
}

bool guards(const rules& r, transport protocol, std::uint16_t port) {
    return std::ranges::any_of(r.services, [&](const service& s) { return guards(s, protocol, port); });
}

bool always_allowed(const rules& r, const address& who) {
    return std::ranges::any_of(r.always_allow, [&](const prefix& p) { return p.contains(who); });
}

} // namespace chronoknock::firewall
