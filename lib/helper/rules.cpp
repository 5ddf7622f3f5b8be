#include "helper/rules.hpp"

#include "helper/fields.hpp"

#include <algorithm>

namespace chronoknock::helper {

using firewall::flow;
using firewall::nft_order;
using firewall::rules;

namespace {

constexpr std::size_t most_list = 1 << 20;
constexpr std::size_t most_table_name = 32; // those that are ours are shorter
constexpr std::size_t most_set_name = 256;  // NFT_SET_MAXNAMELEN
constexpr std::size_t most_service_name = 32;

void refuse(reader& r) { r.skip(~std::size_t{0}); }

void put_flag(writer& w, bool b) { w.u8(b ? 1 : 0); }

/// 0 or 1, and so for other small numbers; the reader is false for more.
std::uint8_t take_small(reader& r, std::uint8_t most) {
    const auto n = r.u8();
    if (n <= most) return n;
    refuse(r);
    return 0;
}

void put_range(writer& w, const endpoint_range& e) {
    w.u8(static_cast<std::uint8_t>(e.protocol));
    w.u16(e.ports.first);
    w.u16(e.ports.last);
}

endpoint_range take_range(reader& r) {
    endpoint_range e;
    e.protocol = static_cast<transport>(take_small(r, 1));
    e.ports.first = r.u16();
    e.ports.last = r.u16();
    if (e.ports.first > e.ports.last) refuse(r);
    return e;
}

// What only backends without a table of ours go by is not sent: set4, set6, sets_in, programs.
void put_service(writer& w, const service& s) {
    put(w, s.name);
    put_all(w, s.ports, put_range);
    w.u64(static_cast<std::uint64_t>(s.open_for.count()));
    w.u32(s.uses);
    w.u64(static_cast<std::uint64_t>(s.max_open_for.count()));
    put_flag(w, s.until_idle);
    for (const auto* const lengths : {&s.prefixes4, &s.prefixes6})
        put_all(w, *lengths, [](writer& to, std::uint8_t length) { to.u8(length); });
}

std::set<std::uint8_t> take_lengths(reader& r, std::uint8_t most) {
    const auto all = take_all(r, most, [&](reader& from) { return take_small(from, most); });
    return {all.begin(), all.end()};
}

service take_service(reader& r) {
    service s;
    s.name = take_text(r, most_service_name);
    s.ports = take_all(r, most_list, take_range);
    s.open_for = nanoseconds(static_cast<std::int64_t>(r.u64()));
    s.uses = r.u32();
    s.max_open_for = nanoseconds(static_cast<std::int64_t>(r.u64()));
    s.until_idle = take_small(r, 1) != 0;
    s.prefixes4 = take_lengths(r, 32);
    s.prefixes6 = take_lengths(r, 128);
    if (!service::valid_name(s.name) || s.ports.empty() || s.uses > firewall::most_uses) refuse(r);
    return s;
}

void put_prefix(writer& w, const prefix& p) {
    put(w, p.network);
    w.u8(p.length);
}

prefix take_prefix(reader& r) {
    prefix p;
    p.network = take_address(r);
    p.length = r.u8();
    const auto again = prefix::parse(p.to_string()); // as the configuration has it: no bits beyond the length
    if (!again || *again != p) refuse(r);
    return p;
}

void put_flow(writer& w, const flow& f) {
    w.u8(static_cast<std::uint8_t>(f.protocol));
    put(w, f.peer);
    w.u16(f.peer_port);
    w.u16(f.port);
}

flow take_flow(reader& r) {
    flow f;
    f.protocol = static_cast<transport>(take_small(r, 1));
    f.peer = take_address(r);
    f.peer_port = r.u16();
    f.port = r.u16();
    return f;
}

std::string take_set_name(reader& r) { return take_text(r, most_set_name); }

} // namespace

void put(writer& w, const rules& rules) {
    put_all(w, rules.services, put_service);
    w.u8(static_cast<std::uint8_t>(rules.unauthorized));
    put_all(w, rules.always_allow, put_prefix);
    put_all(w, rules.also_for, put_prefix);
    put_flag(w, rules.translated);
    put(w, rules.table);
    put_flag(w, rules.trial_end.has_value());
    w.u64(rules.trial_end ? static_cast<std::uint64_t>(rules.trial_end->time_since_epoch().count()) : 0);
    w.u64(static_cast<std::uint64_t>(rules.trial_left.count()));
}

rules take_rules(reader& r) {
    rules taken;
    taken.services = take_all(r, most_list, take_service);
    taken.unauthorized = static_cast<firewall::unauthorized>(take_small(r, 1));
    taken.always_allow = take_all(r, most_list, take_prefix);
    taken.also_for = take_all(r, most_list, take_prefix);
    taken.translated = take_small(r, 1) != 0;
    taken.table = take_text(r, most_table_name);
    if (!firewall::is_our_table(taken.table)) refuse(r);
    const bool on_trial = take_small(r, 1) != 0;
    const instant end{nanoseconds(static_cast<std::int64_t>(r.u64()))};
    if (on_trial) taken.trial_end = end;
    taken.trial_left = nanoseconds(static_cast<std::int64_t>(r.u64()));
    return taken;
}

void put(writer& w, const nft_order& order) {
    w.u8(static_cast<std::uint8_t>(order.task));
    put(w, order.rules);
    const auto put_name = [](writer& to, const std::string& name) { put(to, name); };
    put_all(w, order.existing.sets, put_name);
    put_all(w, order.existing.chains, put_name);
    put_all(w, order.existing.permanent, [](writer& to, const firewall::permanent_element& e) {
        put(to, e.set);
        put(to, e.who);
    });
    put_all(w, order.admitted, put_flow);
    put_all(w, order.cut, put_flow);
}

nft_order take_order(reader& r) {
    nft_order order;
    order.task = static_cast<nft_order::action>(take_small(r, 2));
    order.rules = take_rules(r);
    order.existing.sets = take_all(r, most_list, take_set_name);
    order.existing.chains = take_all(r, most_list, take_set_name);
    order.existing.permanent = take_all(r, most_list, [](reader& from) {
        firewall::permanent_element e;
        e.set = take_set_name(from);
        e.who = take_address(from);
        return e;
    });
    order.admitted = take_all(r, most_list, take_flow);
    const auto cut = take_all(r, most_list, take_flow);
    order.cut.insert(cut.begin(), cut.end());
    return order;
}

} // namespace chronoknock::helper
