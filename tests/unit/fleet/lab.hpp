#pragma once

#include "base/each_of.hpp"
#include "fleet/ledger.hpp"
#include "fleet/redemption.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <string>
#include <vector>

namespace chronoknock::fleet {

using namespace std::chrono_literals;

inline const std::vector<std::uint8_t> secret(32, 7);
inline const unix_time noon{seconds(1'800'000'000)};
inline const auto here = *address::parse("192.0.2.1"), there = *address::parse("192.0.2.2");

inline granting::burnt token(std::int64_t place, const std::string& identity = "x",
                             const std::string& key = "K") {
    return {key, place, identity, here, noon};
}

inline granting::shared_grant grant_of(const granting::burnt& b, const std::string& host,
                                       nanoseconds open_for = 30s) {
    return {b.key, "alice", here, "web", b.place, b.identity, noon, noon + open_for, host};
}

/// What etcd does with a transaction, without anything that may fail.
class store {
public:
    struct kept {
        std::string value;
        std::int64_t created = 0;
        std::int64_t changed = 0;
    };

    transaction_answer apply(const transaction& t) {
        transaction_answer a;
        a.succeeded = true;
        for (const auto& c : t.compares) {
            const auto found = entries.find(c.name);
            const auto is = found == entries.end()                    ? 0
                            : c.of == compare::field::create_revision ? found->second.created
                                                                      : found->second.changed;
            a.succeeded &= is == c.equals;
        }
        const auto& todo = a.succeeded ? t.then : t.otherwise;
        bool writes = false;
        for (const auto& op : todo) writes |= !std::holds_alternative<range>(op);
        if (writes) ++revision;
        for (const auto& op : todo)
            std::visit(each_of{[&](const put& p) {
                                   auto& e = entries[p.name];
                                   if (e.created == 0) e.created = revision;
                                   e.changed = revision;
                                   e.value = p.value;
                                   happened.push_back({false, {p.name, p.value, revision}});
                               },
                               [&](const erase& x) {
                                   for (auto it = entries.lower_bound(x.name); it != entries.end();) {
                                       if (x.end.empty() ? it->first != x.name : it->first >= x.end) break;
                                       happened.push_back({true, {it->first, "", revision}});
                                       it = entries.erase(it);
                                   }
                               },
                               [&](const range& r) {
                                   range_answer found;
                                   if (const auto e = entries.find(r.name); e != entries.end())
                                       found.entries.push_back({r.name, e->second.value, e->second.changed});
                                   a.ranges.push_back(std::move(found));
                               }},
                       op);
        a.head = {1, revision};
        return a;
    }
    std::vector<entry> all() const {
        std::vector<entry> list;
        for (const auto& [name, e] : entries) list.push_back({name, e.value, e.changed});
        return list;
    }
    std::size_t count(const std::string& part) const {
        return static_cast<std::size_t>(std::count_if(entries.begin(), entries.end(), [&](const auto& e) {
            return e.first.find(part) != e.first.npos;
        }));
    }

    std::map<std::string, kept> entries;
    std::int64_t revision = 1;
    std::vector<event> happened;
};

/// One host's redemption of a token that opens a grant.
inline redemption redeems(const seal& s, const granting::burnt& b, const std::string& host,
                          std::uint8_t attempt = 1, known_top top = {}) {
    redemption::order o;
    o.token = b;
    o.slack = 10;
    o.grants = {grant_of(b, host)};
    o.host = host;
    o.attempt.fill(attempt);
    return {s, std::move(o), top};
}

/// To its end, alone.
inline granting::shared_outcome run(redemption& r, store& etcd, unix_time now = noon + 5s) {
    while (r.answered(etcd.apply(r.request({1, 2})), now) == redemption::step::again) {
    }
    return r.outcome();
}

} // namespace chronoknock::fleet
