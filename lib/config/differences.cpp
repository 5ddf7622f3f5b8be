#include "config/differences.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <map>
#include <string_view>

namespace chronoknock::config {

namespace {

using lines = std::vector<std::string>;

std::string joined(const lines& all) {
    std::string text;
    for (const auto& one : all) text += (text.empty() ? "" : ", ") + one;
    return text;
}

std::string ports_of(const service& s) {
    lines all;
    for (const auto& p : s.ports) all.push_back(p.to_string());
    return joined(all);
}

lines services_of(const server& c, const key_settings& k) {
    lines names;
    for (const auto index : k.services) names.push_back(c.services[index].name);
    std::ranges::sort(names);
    return names;
}

std::string change_of(const service& a, const service& b) {
    lines all;
    const auto note = [&](bool same, const std::string& name, const std::string& before,
                          const std::string& after) {
        if (!same) all.push_back(name + " " + after + ", not " + before);
    };
    note(a.ports == b.ports, "ports", ports_of(a), ports_of(b));
    note(a.open_for == b.open_for, "open_for", to_string(a.open_for), to_string(b.open_for));
    note(a.max_open_for == b.max_open_for, "max_open_for", to_string(a.max_open_for),
         to_string(b.max_open_for));
    note(a.set4 == b.set4 && a.set6 == b.set6, "sets", a.set4 + " " + a.set6, b.set4 + " " + b.set6);
    note(a.uses == b.uses, "uses", std::to_string(a.uses), std::to_string(b.uses));
    const auto until = [](const service& s) { return std::string(s.until_idle ? "idle" : "time"); };
    note(a.until_idle == b.until_idle, "until", until(a), until(b));
    return joined(all);
}

std::string change_of(const server& before, const key_settings& a, const server& after,
                      const key_settings& b) {
    lines all;
    if (a.key->fingerprint() != b.key->fingerprint()) all.push_back("another secret");
    if (const auto was = services_of(before, a), is = services_of(after, b); was != is)
        all.push_back("opens " + joined(is) + ", not " + joined(was));
    if (a.mode != b.mode) all.push_back(b.mode == matching::set ? "mode set" : "mode strict");
    if (a.knock_delay != b.knock_delay) all.push_back("knock_delay " + to_string(b.knock_delay));
    if (a.for_others != b.for_others) all.push_back(b.for_others ? "for others" : "not for others");
    if (a.prefix4 != b.prefix4) all.push_back("prefix4 " + std::to_string(b.prefix4));
    if (a.prefix6 != b.prefix6) all.push_back("prefix6 " + std::to_string(b.prefix6));
    if (a.pair != b.pair) all.push_back(b.pair ? "pair" : "no pair");
    if (a.fleet != b.fleet) all.push_back(b.fleet ? "the fleet's" : "not the fleet's");
    if (a.until != b.until)
        all.push_back(b.until ? "good until " + utc(to_seconds(*b.until)) + " UTC" : "good for ever");
    if (a.max_grants != b.max_grants)
        all.push_back(b.max_grants == 0 ? "any number of grants"
                                        : "max_grants " + std::to_string(b.max_grants));
    if (a.allow_weak != b.allow_weak) all.push_back(b.allow_weak ? "allow_weak" : "no allow_weak");
    return joined(all);
}

/// Of things that have names: what came, went and changed.
template <class Things, class Change>
void compare(const std::string& kind, const Things& before, const Things& after, Change change, lines& all) {
    std::map<std::string_view, const typename Things::value_type*> left;
    for (const auto& one : before) left.emplace(one.name, &one);
    for (const auto& one : after) {
        const auto was = left.extract(one.name);
        if (was.empty())
            all.push_back(kind + " " + one.name + ": added");
        else if (const auto text = change(*was.mapped(), one); !text.empty())
            all.push_back(kind + " " + one.name + ": " + text);
    }
    for (const auto& one : before)
        if (left.contains(one.name)) all.push_back(kind + " " + one.name + ": removed");
}

} // namespace

std::vector<std::string> differences(const server& before, const server& after) {
    lines all;
    const auto section = [&](bool same, const char* name) {
        if (!same) all.push_back(std::string(name) + ": changed");
    };
    section(before.interfaces == after.interfaces && before.also_for == after.also_for &&
                before.log == after.log,
            "[capture]");
    section(before.time == after.time, "[time]");
    section(before.knock == after.knock, "[knock]");
    section(before.firewall == after.firewall, "[firewall]");
    section(before.metrics == after.metrics, "[metrics]");
    section(before.fleet == after.fleet, "[fleet]");
    compare(
        "service", before.services, after.services,
        [](const service& a, const service& b) { return change_of(a, b); }, all);
    compare(
        "key", before.keys, after.keys,
        [&](const key_settings& a, const key_settings& b) { return change_of(before, a, after, b); }, all);
    return all;
}

} // namespace chronoknock::config
