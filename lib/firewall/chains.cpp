#include "firewall/chains.hpp"

#include "firewall/reset.hpp"
#include "firewall/script.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace chronoknock::firewall {

namespace {

constexpr transport protocols[] = {transport::tcp, transport::udp};
constexpr const char* is_syn = "tcp flags & (syn | ack | rst | fin) == syn ";
constexpr const char* ends = "tcp flags & (fin | rst) != 0 ";

std::string ip(int family) { return family == 4 ? "ip" : "ip6"; }

std::string port_list(const port_set& ports) {
    std::vector<std::string> parts;
    for (const auto& range : ports.ranges()) parts.push_back(range.to_string());
    return join(parts);
}

/// "ip saddr { ... } " of the networks of one family; empty if there is none.
std::string networks(const std::vector<prefix>& all, int family, const std::string& direction) {
    std::vector<std::string> parts;
    for (const auto& p : all)
        if (p.network.family() == family) parts.push_back(p.to_string());
    return parts.empty() ? "" : ip(family) + " " + direction + " " + join(parts) + " ";
}

/// How a packet's flow is read: where it is delivered, its own ports; where its destination was rewritten,
/// the port it was sent to.
struct view {
    std::string prefix; ///< of its chains' names
    bool rewritten;

    std::string dport(transport protocol) const {
        return rewritten ? "ct original proto-dst" : name(protocol) + " dport";
    }
    std::string ports(transport protocol, const port_set& some) const {
        return (rewritten ? "meta l4proto " + name(protocol) + " " : "") + dport(protocol) + " " +
               port_list(some) + " ";
    }
    std::string flow(transport protocol, int family) const {
        return ip(family) + " saddr . " + name(protocol) + " sport . " + dport(protocol);
    }
    /// A connection that is being made: its flow, and the address of ours, so that one use is not taken to
    /// each address that the host has.
    std::string opening(int family) const {
        return ip(family) + " saddr . tcp sport . " + own(family, "daddr") + " . " + dport(transport::tcp);
    }
    std::string opening_of_answer(int family) const {
        return ip(family) + " daddr . tcp dport . " + own(family, "saddr") + " . " +
               (rewritten ? dport(transport::tcp) : "tcp sport");
    }
    std::string own(int family, const char* direction) const {
        return rewritten ? "ct original " + ip(family) + " daddr" : ip(family) + " " + direction;
    }
    /// The flow that a packet to its peer belongs to.
    std::string flow_of_answer(transport protocol, int family) const {
        return ip(family) + " daddr . " + name(protocol) + " dport . " +
               (rewritten ? dport(protocol) : name(protocol) + " sport");
    }
};
const view delivered{"", false};
const view rewritten{"dnat_", true};

/// "update @tcp4 { KEY } " and the like.
std::string change(const char* verb, const std::string& set, const std::string& key) {
    return std::string(verb) + " @" + set + " { " + key + " } ";
}

/// "ip saddr & 255.255.255.0": the network of that length that a packet comes from.
std::string network_of(int family, std::uint8_t length) {
    const std::array<std::uint8_t, 16> ones = [] {
        std::array<std::uint8_t, 16> bytes;
        bytes.fill(0xff);
        return bytes;
    }();
    const auto whole = family == 4 ? address::v4(std::span(ones).first<4>()) : address::v6(ones);
    return ip(family) + " saddr & " + prefix(whole, length).network.to_string();
}

/// The sets of a service's grants, each with what is looked for in it.
std::vector<std::pair<std::string, std::string>> sets_of_grants(const service& s, int family) {
    std::vector<std::pair<std::string, std::string>> all{{set_name(s, family), ip(family) + " saddr"}};
    for (const auto length : s.prefixes(family))
        all.emplace_back(set_name(s, family, length), network_of(family, length));
    return all;
}

/// A grant lets a SYN, or a first datagram, make a flow. Only that uses it up.
std::string grant_rules(const rules& r, const view& v, transport protocol) {
    std::string text;
    for (const auto& s : r.services) {
        const auto ports = ports_of(s.ports, protocol);
        if (ports.size() == 0) continue;
        for (const auto family : families) {
            const auto f = std::to_string(family), key = v.flow(protocol, family);
            // A connection that is not completed within two minutes is none. (One that lives keeps its time:
            // a SYN in its name may be forged.)
            const auto admit = protocol == transport::tcp
                                   ? change("add", "tcp" + f, key + " timeout 2m") +
                                         change("add", "opening" + f, v.opening(family))
                                   : change("delete", "cut" + f, key) + change("update", "udp" + f, key);
            for (const auto& [grants, who] : sets_of_grants(s, family))
                // The limit alone is exact; deleting makes a used-up grant vanish from lists too.
                text += line(v.ports(protocol, ports) + who + " @" + grants + " " + admit +
                             (s.uses == 1 ? change("delete", grants, who) : "") + "accept");
        }
    }
    return text;
}

/// What is done with a packet to a guarded port.
std::string guard_chains(const rules& r, const view& v) {
    std::string guard, open, live, datagram;
    if (!v.rewritten) guard += line("iif lo accept");
    for (const auto family : families)
        if (const auto some = networks(r.always_allow, family, "saddr"); !some.empty())
            guard += line(some + "accept");
    guard +=
        line("meta l4proto udp goto " + v.prefix + "datagram") + line(is_syn + ("goto " + v.prefix) + "open");

    for (const auto family : families) {
        const auto f = std::to_string(family), key = v.flow(transport::tcp, family);
        // The handshake goes on: from here the tuple's next SYN is a new connection's.
        const auto opening = v.opening(family);
        guard += line(opening + " @opening" + f + " " + change("delete", "opening" + f, opening));
        // Anybody can forge a FIN or RST: it prolongs nothing, and ends nothing (the host's own do).
        guard += line("tcp flags & (fin | rst) == 0 " + key + " @tcp" + f + " " +
                      change("update", "tcp" + f, key) + "accept");
        guard += line(key + " @tcp" + f + " accept");
        guard += line(key + " @closing" + f + " " + change("update", "closing" + f, key) + "accept");

        // A SYN sent again because its answer was lost takes no second use.
        open += line(opening + " @opening" + f + " accept");
        // Somebody forges a SYN of a live connection: a reject would go to its user, and be taken for the end
        // of a forwarded one.
        live += line(key + " @tcp" + f + " drop");
        const auto udp = v.flow(transport::udp, family);
        datagram += line(udp + " @udp" + f + " " + change("update", "udp" + f, udp) + "accept");
    }
    const auto ending_in_refuse = [&](const char* which, const std::string& lines) {
        return chain(v.prefix + which, lines + line("goto refuse"));
    };
    return ending_in_refuse("open", open + grant_rules(r, v, transport::tcp) + live) +
           ending_in_refuse("datagram", datagram + grant_rules(r, v, transport::udp)) +
           ending_in_refuse("guard", guard);
}

std::string refuse_chains(const rules& r) {
    const auto trial = r.trial_end ? line(std::string("meta l4proto != @") + trial_set + " accept") : "";
    if (r.unauthorized == unauthorized::drop) return chain("refuse", trial + line("counter drop"));
    const auto ports = guarded_ports(r, transport::tcp);
    return reset_chains(ports.size() == 0 ? "" : port_list(ports), trial);
}

/// What the host itself, or one it guards for, sends from guarded ports. What it begins may be answered; what
/// it has closed, or reset, is over: no SYN of that tuple passes without a grant any more. Only what a socket
/// of its own sends says that. A RST that answers a stray segment does not: a stranger draws one out of a
/// host by a segment in a user's name to its other address, or by a SYN that is rejected.
std::string sent_chain(const rules& r, const view& v) {
    std::string text;
    for (const auto family : families)
        if (const auto some = networks(r.always_allow, family, "daddr"); !some.empty())
            text += line(some + "return");
    for (const auto family : families) {
        const auto f = std::to_string(family);
        const auto tcp = v.flow_of_answer(transport::tcp, family);
        text += line(is_syn + change("update", "tcp" + f, tcp + " timeout 2m") + "return");
        text += line(ends + change("delete", "opening" + f, v.opening_of_answer(family)));
        const auto over =
            tcp + " @tcp" + f + " " + change("add", "closing" + f, tcp) + change("delete", "tcp" + f, tcp);
        if (v.rewritten) {
            text += line(ends + over);
        } else {
            text += line("tcp flags & fin != 0 " + over);
            // Answers to an ACK bear none; those to other segments have no socket.
            text += line("tcp flags & (rst | ack) == (rst | ack) meta skuid >= 0 " + over);
        }
        const auto udp = v.flow_of_answer(transport::udp, family);
        text += line(udp + " @cut" + f + " " + change("update", "cut" + f, udp) + "return");
        text += line(change("update", "udp" + f, udp));
    }
    return chain(v.prefix + "sent", text);
}

std::string base_chain(const char* hook, const std::string& rules) {
    return chain(hook,
                 line(std::string("type filter hook ") + hook + " priority mangle; policy accept;") + rules);
}

/// Before addresses are rewritten, so that a port published for a container is guarded by its outer number;
/// where packets are delivered to this host, whatever address or redirection they came by; and what it
/// sends. What is merely forwarded to other hosts is none of our business.
std::string hook_chains(const rules& r) {
    // A first fragment that ends before the TCP header (RFC 7112 forbids it) would be put together again
    // behind the input hook. 58: ICMPv6, whose name nft knows only where there is an /etc/protocols.
    const auto fragments = line("ip6 nexthdr != { tcp, udp, 58 } frag frag-off 0 jump headless");
    std::string before, input = fragments, forward, output;
    for (const auto protocol : protocols) {
        const auto ports = guarded_ports(r, protocol);
        if (ports.size() == 0) continue;
        const auto guarded = delivered.ports(protocol, ports);
        const auto from_guarded = name(protocol) + " sport " + port_list(ports) + " ";
        // Answers to what was begun behind this host go back there, whatever port they come to.
        if (r.translated)
            before += line(guarded +
                           (protocol == transport::tcp ? "tcp flags & (syn | ack | rst | fin) != syn " : "") +
                           "ct direction reply accept");
        before += line(guarded + "fib daddr type != unicast jump guard");
        for (const auto family : families)
            if (const auto some = networks(r.also_for, family, "daddr"); !some.empty()) {
                before += line(some + guarded + "jump guard");
                forward += line(networks(r.also_for, family, "saddr") + from_guarded + "jump sent");
            }
        if (r.translated) {
            const auto published = rewritten.ports(protocol, ports);
            const auto guard = "ct status dnat ct direction original " + published + "jump dnat_guard";
            const auto sent = "ct status dnat ct direction reply " + published + "jump dnat_sent";
            forward += line(guard) + line(sent);
            // An address that is only routed here may lead to this host itself.
            input += line("iif != lo " + guard);
            output += line("oif != lo " + sent);
        }
        input += line(guarded + "jump guard");
        output += line(from_guarded + "oif != lo jump sent");
    }
    auto text = base_chain("prerouting", fragments + before) + base_chain("input", input) +
                base_chain("output", output);
    if (!forward.empty()) text += base_chain("forward", forward);
    return text;
}

} // namespace

port_set ports_of(std::span<const endpoint_range> endpoints, transport protocol) {
    std::vector<port_range> ranges;
    for (const auto& e : endpoints)
        if (e.protocol == protocol) ranges.push_back(e.ports);
    return port_set(std::move(ranges));
}

port_set guarded_ports(const rules& r, transport protocol) {
    std::vector<endpoint_range> all;
    for (const auto& s : r.services) all.insert(all.end(), s.ports.begin(), s.ports.end());
    return ports_of(all, protocol);
}

std::string chains_text(const rules& r) {
    return chain("headless", line("meta l4proto & 0 == 0 return") + line("counter drop")) + refuse_chains(r) +
           guard_chains(r, delivered) + sent_chain(r, delivered) +
           (r.translated ? guard_chains(r, rewritten) + sent_chain(r, rewritten) : "") + hook_chains(r);
}

} // namespace chronoknock::firewall
