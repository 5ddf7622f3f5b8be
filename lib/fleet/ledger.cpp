#include "fleet/ledger.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::fleet {

namespace {

constexpr std::size_t most_told = 100;
// Of a grant that has ended by its time etcd tells that it is gone, a little later: its lease is over.
constexpr nanoseconds at_its_end = seconds(1);

/// Whoever can write to etcd, and has not the seal, can put back a value that stood there before. The order
/// of a key goes by its places; hosts' clocks differ, so that the time alone tells nothing.
bool is_no_newer(const granting::shared_grant& g, const granting::shared_grant& than) {
    return g.place <= than.place && g.accepted <= than.accepted;
}

} // namespace

void ledger::ignore(std::string_view name) {
    ++ignored_;
    if (told_.size() >= most_told) return;
    auto text = printable(name); // which is short, whatever the name's size
    if (told_.insert(text).second) to_tell_.push_back(std::move(text));
}

/// An entry as it is now.
void ledger::take(const entry& e, std::map<std::string, const cell*>& opened,
                  granting::shared_changes& changes) {
    if (seal_->is_burnt(e.name)) {
        auto b = seal_->open_burnt(e.name, e.value);
        if (!b) return ignore(e.name);
        tops_.burnt(b->token, e.revision);
        changes.tokens.push_back(std::move(b->token));
        return;
    }
    if (!seal_->is_grant(e.name)) return;
    const auto known = cells_.find(e.name);
    // Whatever stands there now, a later revoke has to name its revision.
    const auto before = known == cells_.end() ? 0 : known->second.revision;
    if (known != cells_.end()) {
        known->second.listed = true;
        known->second.revision = std::max(before, e.revision);
    }
    auto g = seal_->open_grant(e.name, e.value);
    if (!g) return ignore(e.name);
    if (known == cells_.end()) {
        if (cells_.size() >= most) return;
        const auto [made, fresh] = cells_.emplace(e.name, cell{std::move(*g), e.revision, true, true});
        opened.insert_or_assign(e.name, &made->second);
        return;
    }
    auto& c = known->second;
    if (before != 0 && (e.revision <= before || is_no_newer(*g, c.grant))) return;
    c = {std::move(*g), e.revision, true, true};
    opened.insert_or_assign(e.name, &c);
}

void ledger::begin_listing(std::int64_t as_of, bool other_cluster) {
    listed_as_of_ = as_of;
    if (other_cluster) tops_.clear();
    for (auto& [name, c] : cells_) {
        c.listed = false;
        if (other_cluster) c.revision = 0;
    }
    listed_ = {};
    opened_.clear();
}

void ledger::list(std::span<const entry> page) {
    for (const auto& e : page) take(e, opened_, listed_);
}

granting::shared_changes ledger::end_listing(unix_time t) {
    auto changes = std::exchange(listed_, {});
    changes.whole = true;
    opened_.clear();
    // All of it: what is known already, and was not opened for some reason, may be opened now.
    for (auto it = cells_.begin(); it != cells_.end();) {
        auto& c = it->second;
        // The answer to a transaction may come before the one to a listing that etcd did earlier.
        const bool is_since = c.revision > listed_as_of_;
        if ((c.listed || is_since) && c.live) {
            changes.opened.push_back(c.grant);
            ++it;
            continue;
        }
        if (c.live && c.grant.until > t) changes.closed.push_back(std::move(c.grant));
        it = is_since ? std::next(it) : cells_.erase(it);
    }
    return changes;
}

granting::shared_changes ledger::apply(std::span<const event> events, unix_time t) {
    granting::shared_changes changes;
    std::map<std::string, const cell*> opened;
    std::map<std::string, granting::shared_grant> closed;
    for (const auto& e : events) {
        if (!e.erased) {
            take(e.what, opened, changes);
            continue;
        }
        const auto known = cells_.find(e.what.name);
        if (known == cells_.end() || e.what.revision <= known->second.revision) continue;
        opened.erase(e.what.name);
        auto& c = known->second;
        if (c.live && c.grant.until > t + at_its_end)
            closed.insert_or_assign(e.what.name, std::move(c.grant));
        cells_.erase(known);
    }
    for (const auto& [name, c] : opened) {
        if (const auto ended = closed.find(name); ended != closed.end()) {
            if (is_no_newer(c->grant, ended->second)) continue; // put back: it stays closed
            closed.erase(ended);
        }
        changes.opened.push_back(c->grant);
    }
    for (auto& [name, g] : closed) changes.closed.push_back(std::move(g));
    return changes;
}

void ledger::put_here(const granting::shared_grant& g, std::int64_t revision) {
    const auto name = seal_->name_of_grant(g.key, g.who, g.service);
    const auto known = cells_.find(name);
    if (known == cells_.end() && cells_.size() >= most) return;
    if (known != cells_.end() && known->second.revision >= revision) return;
    cells_.insert_or_assign(name, cell{g, revision, true, true});
}

void ledger::erased_here(const std::string& name, std::int64_t revision) {
    const auto known = cells_.find(name);
    if (known == cells_.end() || known->second.revision > revision) return;
    known->second.live = false;
    known->second.revision = revision;
}

std::vector<ledger::place> ledger::find(const is_meant& meant, unix_time t) const {
    std::vector<place> found;
    for (const auto& [name, c] : cells_)
        if (c.live && c.grant.until > t && meant(c.grant)) found.push_back({name, c.revision, c.grant});
    return found;
}

bool ledger::is_newer(const entry& found, const place& than) const {
    const auto g = seal_->open_grant(found.name, found.value);
    return g && !is_no_newer(*g, than.grant);
}

bool ledger::has(const granting::burnt& token, const std::string& host, unix_time t) const {
    return std::ranges::any_of(cells_, [&](const auto& one) {
        const auto& g = one.second.grant;
        return one.second.live && g.until > t && g.host == host && g.key == token.key &&
               g.place == token.place && g.identity == token.identity;
    });
}

void ledger::prune(unix_time t) {
    std::erase_if(cells_, [&](const auto& one) { return one.second.grant.until + at_its_end < t; });
}

std::size_t ledger::live(unix_time t) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        cells_, [&](const auto& one) { return one.second.live && one.second.grant.until > t; }));
}

} // namespace chronoknock::fleet
