#include "io/firewall/grant_sets.hpp"

#include "base/text.hpp"
#include "io/firewall/guard_table.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace chronoknock::io {

using firewall::change;

namespace {

constexpr std::size_t most_read = 5000; // grants, some 20 ms

} // namespace

grant_sets::names grant_sets::names_of(const firewall::rules& r) {
    names all;
    for (const auto& s : r.services)
        for (const int family : {4, 6}) {
            all[{s.name, family, family == 4 ? 32 : 128}] = firewall::set_name(s, family);
            for (const auto length : s.prefixes(family))
                all[{s.name, family, length}] = firewall::set_name(s, family, length);
        }
    return all;
}

/// Null: there is none.
const std::string* grant_sets::set_of(const change& c) const {
    const auto found = sets_.find({c.service, c.who.network.family(), c.who.length});
    return found == sets_.end() ? nullptr : &found->second;
}

void grant_sets::adopt(const firewall::rules& r) {
    open_.clear();
    sets_ = names_of(r);
    const auto standing = kernel_.grants();
    if (!standing) return log::warning(text_of("reading grants", standing.error()).text);
    std::set<std::string> known;
    for (const auto& [whose, set] : sets_) known.insert(set);
    const auto now = boot_now();
    for (const auto& g : *standing)
        if (known.contains(g.set)) {
            const auto set = firewall::parse_set_name(g.set);
            open_.note({who_of(*set, g.who), set->service, *g.left}, now);
        }
}

void grant_sets::take_up(const firewall::rules& r) {
    auto sets = names_of(r);
    if (sets == sets_) return; // elements under way refer to them
    open_.keep([&](const prefix& who, const std::string& service) {
        const std::tuple whose(service, int{who.network.family()}, who.length);
        const auto before = sets_.find(whose), now = sets.find(whose);
        return before != sets_.end() && now != sets.end() && before->second == now->second;
    });
    sets_ = std::move(sets);
}

void grant_sets::clear() {
    open_.clear();
    sets_.clear();
}

bool grant_sets::queue(std::vector<change> changes, answer done) {
    queue_.push_back({std::move(changes), std::move(done)});
    return queue_.size() == 1;
}

void grant_sets::send() {
    auto requests = std::exchange(queue_, {});
    std::vector<entry> entries;
    for (auto& r : requests)
        for (const auto& c : r.changes) {
            const auto* const set = set_of(c);
            if (!set) {
                // A set that is gone had its grants end with it.
                if (c.open_for || c.who.is_single())
                    r.failure = error{"firewall: no service " + printable(c.service) +
                                      (c.who.is_single() ? "" : " for " + c.who.to_string())};
                continue;
            }
            std::optional<milliseconds> timeout;
            if (c.open_for) timeout = std::chrono::ceil<milliseconds>(*c.open_for);
            entries.push_back({{*set, c.who.network, timeout}, &c, &r});
        }
    const std::span<const entry> all(entries);
    for (std::size_t done = 0; done < all.size(); done += nft_kernel::most_elements)
        put(all.subspan(done, std::min(nft_kernel::most_elements, all.size() - done)));
    for (auto& r : requests)
        if (r.done) r.done(r.failure ? result<void>(*r.failure) : result<void>());
}

void grant_sets::put(std::span<const entry> entries) {
    std::vector<nft_element> elements;
    for (const auto& e : entries) elements.push_back(e.element);
    const bool together = bool(kernel_.change(elements));
    const auto now = boot_now();
    for (const auto& e : entries) {
        // One that fails undoes its whole transaction, so the others get another.
        if (!together)
            if (const auto failure = put_one(e)) {
                if (!e.from->failure)
                    e.from->failure =
                        text_of(e.what->open_for ? "adding a grant" : "ending a grant", failure);
                continue;
            }
        open_.note(*e.what, now);
    }
}

boost::system::error_code grant_sets::put_one(const entry& e) {
    auto done = kernel_.change({&e.element, 1});
    if (!done && done.error() == boost::system::errc::no_such_file_or_directory) {
        missing_();
        done = kernel_.change({&e.element, 1});
    }
    return done ? boost::system::error_code{} : done.error();
}

result<std::vector<live_grant>> grant_sets::list() {
    if (open_.size() > most_read) return open_.open(boot_now());
    const auto held = kernel_.grants();
    if (!held) return text_of("reading grants", held.error());
    std::vector<live_grant> all;
    for (const auto& g : *held) {
        auto set = firewall::parse_set_name(g.set);
        const auto who = who_of(*set, g.who);
        all.push_back({who, std::move(set->service), *g.left});
    }
    return all;
}

std::vector<change> grant_sets::to_put_back(const firewall::rules& r) const {
    std::vector<change> changes;
    for (auto& g : open_.open(boot_now())) {
        // What has been used up of a grant for several connections is lost with the table; to put it back
        // would be to give it twice.
        const auto s = std::ranges::find(r.services, g.service, &service::name);
        if (s != r.services.end() && s->uses == 0) changes.push_back({g.who, std::move(g.service), g.left});
    }
    return changes;
}

bool grant_sets::may_have_admitted(const firewall::flow& f, const firewall::rules& r, instant since) const {
    return std::ranges::any_of(r.services, [&](const service& s) {
        return firewall::guards(s, f.protocol, f.port) && open_.had_grant(f.peer, s.name, since);
    });
}

} // namespace chronoknock::io
