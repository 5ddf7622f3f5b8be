#include "firewall/rules.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <set>

namespace chronoknock::firewall {

namespace {

std::string join(const std::vector<std::string>& parts) {
    std::string text = "{ ";
    for (const auto& part : parts) text += (text.size() > 2 ? ", " : "") + part;
    return text + " }";
}

port_set ports_of(std::span<const endpoint_range> endpoints, transport protocol) {
    std::vector<port_range> ranges;
    for (const auto& e : endpoints)
        if (e.protocol == protocol) ranges.push_back(e.ports);
    return port_set(ranges);
}

/// The ports of one protocol that some service has.
port_set protected_ports(const rules& r, transport protocol) {
    std::vector<endpoint_range> all;
    for (const auto& s : r.services) all.insert(all.end(), s.ports.begin(), s.ports.end());
    return ports_of(all, protocol);
}

constexpr transport protocols[] = {transport::tcp, transport::udp};
constexpr int families[] = {4, 6};

/// "tcp dport { 22, 80-90 }"
std::string dport(transport protocol, const port_set& ports) {
    std::vector<std::string> parts;
    for (const auto& range : ports.ranges()) parts.push_back(range.to_string());
    return (protocol == transport::tcp ? "tcp dport " : "udp dport ") + join(parts);
}
std::string saddr(int family) { return family == 4 ? "ip saddr " : "ip6 saddr "; }
std::string address_type(int family) { return family == 4 ? "ipv4_addr" : "ipv6_addr"; }
std::string live_set(int family) { return family == 4 ? "live4" : "live6"; }

result<void> check(const rules& r) {
    for (const auto& s : r.services) {
        if (!service::valid_name(s.name))
            return error{"firewall: '" + printable(s.name) + "' cannot name a service"};
        if (s.uses > most_uses)
            return error{"service." + s.name + ": uses: expected a whole number from 0 to " +
                         std::to_string(most_uses)};
    }
    return {};
}

std::string set_definition(const service& s, int family) {
    auto text = "\tset " + set_name(s.name, s.uses, family) + " { type " + address_type(family) + "; ";
    if (s.uses == 0) return text + "flags timeout; }\n";
    // Each element carries a bucket of its own with `uses` tokens. The kernel takes a token under a lock, so
    // two SYNs on two CPUs never share the last one. Once a week one token comes back. (A set that rules
    // delete from must have a size.)
    return text + "flags dynamic,timeout; " + (s.uses == 1 ? "size 131072; " : "") +
           "limit rate 1/week burst " + std::to_string(s.uses) + " packets; }\n";
}

std::string grant_rules(const service& s) {
    std::string text;
    for (const auto protocol : protocols) {
        const auto ports = ports_of(s.ports, protocol);
        if (ports.size() == 0) continue;
        for (const auto family : families) {
            const auto set = "@" + set_name(s.name, s.uses, family);
            const auto match = dport(protocol, ports) + " " + saddr(family) + set;
            if (s.uses == 0) {
                text += "\t\t" + match + " accept\n";
                continue;
            }
            // Only what opens a connection uses one up.
            text += protocol == transport::tcp
                        ? "\t\ttcp flags & (syn | ack | rst | fin) == syn ct state new "
                        : "\t\tct state new ";
            text += match;
            // The limit alone is exact; this makes a used-up grant vanish from lists too.
            if (s.uses == 1) text += " delete " + set + " { " + saddr(family) + "}";
            text += " ct mark set " + std::string(admitted_mark) + " accept\n";
        }
    }
    return text;
}

/// Hooks before DNAT, so that a port published for a container is guarded by its outer number; and again
/// where packets are delivered to this host, whatever address, VRF or redirection they came by. What is
/// merely forwarded to other hosts is none of our business.
std::string hook_chains(const rules& r) {
    std::string before_nat, delivered;
    for (const auto protocol : protocols) {
        const auto ports = protected_ports(r, protocol);
        if (ports.size() == 0) continue;
        const auto unknown = "\t\t" + dport(protocol, ports) + " ct state != established ";
        before_nat += unknown + "fib daddr type != unicast jump guard\n";
        delivered += unknown + "jump guard\n";
    }
    return "\tchain prerouting {\n\t\ttype filter hook prerouting priority mangle; policy accept;\n" +
           before_nat + "\t}\n\tchain input {\n\t\ttype filter hook input priority mangle; policy accept;\n" +
           delivered + "\t}\n";
}

std::string guard_chain(const rules& r) {
    std::string text = "\tchain guard {\n\t\tiif lo accept\n";
    for (const auto family : families) {
        std::vector<std::string> networks;
        for (const auto& p : r.always_allow)
            if (p.network.family() == family) networks.push_back(p.to_string());
        if (!networks.empty()) text += "\t\t" + saddr(family) + join(networks) + " accept\n";
    }
    // Connections older than the guard, which conntrack may never have seen. A SYN is not part of one.
    for (const auto family : families)
        text += "\t\ttcp flags & (syn | ack | rst | fin) != syn " + saddr(family) +
                ". tcp sport . tcp dport @" + live_set(family) + " accept\n";
    if (std::ranges::any_of(r.services, [](const auto& s) { return s.uses > 0; }))
        text += "\t\tct state new ct mark " + std::string(admitted_mark) + " accept\n";
    for (const auto& s : r.services) text += grant_rules(s);
    if (r.unauthorized == unauthorized::reset)
        text += "\t\tmeta l4proto tcp counter reject with tcp reset\n"
                "\t\tmeta l4proto udp counter reject with icmpx port-unreachable\n";
    return text + "\t\tcounter drop\n\t}\n";
}

std::string live_elements(const rules& r, std::span<const connection> live, int family) {
    const auto guarded = protected_ports(r, transport::tcp);
    std::vector<std::string> elements;
    for (const auto& c : live)
        if (c.peer.family() == family && guarded.contains(c.port))
            elements.push_back(c.peer.to_string() + " . " + std::to_string(c.peer_port) + " . " +
                               std::to_string(c.port));
    if (elements.empty()) return "";
    return "add element inet " + std::string(table) + " " + live_set(family) + " " + join(elements) + "\n";
}

} // namespace

std::string set_name(std::string_view service, std::uint32_t uses, int family) {
    // A service's name begins with a letter, so the number cannot be mistaken for a part of it.
    return "grant" + std::to_string(family) + "_" + (uses > 0 ? std::to_string(uses) + "_" : "") +
           std::string(service);
}

std::optional<grant_set> parse_set_name(std::string_view name) {
    if (!name.starts_with("grant4_") && !name.starts_with("grant6_")) return {};
    grant_set set;
    set.family = name[5] - '0';
    name.remove_prefix(7);
    if (const auto end = name.find_first_not_of("0123456789"); end != 0 && end != name.npos) {
        const auto uses = parse_number(name.substr(0, end), 1, most_uses);
        if (!uses || name[end] != '_') return {};
        set.uses = static_cast<std::uint32_t>(*uses);
        name.remove_prefix(end + 1);
    }
    if (!service::valid_name(name)) return {};
    set.service = name;
    return set;
}

result<std::string> setup_script(const rules& r, std::span<const std::string> existing,
                                 std::span<const connection> live) {
    if (const auto ok = check(r); !ok) return ok.error();

    const auto ours = "inet " + std::string(table) + " ";
    std::set<std::string> wanted = {live_set(4), live_set(6)};
    for (const auto& s : r.services)
        for (const auto family : families) wanted.insert(set_name(s.name, s.uses, family));

    std::string text = "add table inet " + std::string(table) + "\n";
    for (const auto* chain : {"prerouting { type filter hook prerouting priority mangle; policy accept; }",
                              "input { type filter hook input priority mangle; policy accept; }", "guard"})
        text += "add chain " + ours + chain + "\n";
    for (const auto* chain : chains) text += "flush chain " + ours + chain + "\n";
    for (const auto& name : existing) {
        if (name == live_set(4) || name == live_set(6)) text += "flush set " + ours + name + "\n";
        // Sets that a flushed rule alone used are gone with it; their names begin with two underscores.
        else if (!wanted.contains(name) && !name.starts_with("__"))
            text += "delete set " + ours + name + "\n";
    }

    text += "table " + ours + "{\n";
    for (const auto family : families)
        text += "\tset " + live_set(family) + " { type " + address_type(family) +
                " . inet_service . inet_service; flags timeout; timeout 1d; }\n";
    for (const auto& s : r.services)
        for (const auto family : families) text += set_definition(s, family);
    text += guard_chain(r) + hook_chains(r) + "}\n";
    for (const auto family : families) text += live_elements(r, live, family);
    return {boost::system::in_place_value, std::move(text)};
}

std::string removal_script() {
    const std::string ours = "inet " + std::string(table) + "\n";
    return "add table " + ours + "delete table " + ours;
}

} // namespace chronoknock::firewall
