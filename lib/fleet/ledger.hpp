#pragma once

#include "base/time.hpp"
#include "fleet/messages.hpp"
#include "fleet/seal.hpp"
#include "fleet/tops.hpp"
#include "grant/shared.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chronoknock::fleet {

/// What this host knows of the fleet's grants: by listing what is in etcd, and from there on by its watch. An
/// entry that is not sealed, or out of its place, counts as not there; one that takes the place of a grant,
/// and is not a newer one, changes nothing of that but its revision.
class ledger {
public:
    static constexpr std::size_t most = 100'000; ///< grants; later ones are not known

    explicit ledger(const seal& s) : seal_(&s) {}

    /// What is there now, page by page; then end_listing() has all that lives, and what was closed since the
    /// last time. as_of: its revision; what this host has done since is not in it. other_cluster: revisions
    /// count anew.
    void begin_listing(std::int64_t as_of, bool other_cluster = false);
    void list(std::span<const entry> page);
    granting::shared_changes end_listing(unix_time t);
    /// Events of a watch, in their order.
    granting::shared_changes apply(std::span<const event> events, unix_time t);
    /// What this host has put, or erased, by a transaction: events of before, which come later, are no news.
    void put_here(const granting::shared_grant& g, std::int64_t revision);
    void erased_here(const std::string& name, std::int64_t revision);

    using is_meant = std::function<bool(const granting::shared_grant&)>;
    /// A grant's name, and the revision of its last change.
    struct place {
        std::string name;
        std::int64_t revision = 0;
        granting::shared_grant grant;
    };
    /// Of the grants that are live at t.
    std::vector<place> find(const is_meant& meant, unix_time t) const;
    /// True if a newer grant than that stands in its place.
    bool is_newer(const entry& found, const place& than) const;
    /// True if a grant is live that was given for this token by this host.
    bool has(const granting::burnt& token, const std::string& host, unix_time t) const;
    /// By what was burnt, and what this host's own redemptions have read.
    known_top top_of(const std::string& key) const { return tops_.of(key); }
    void read_top(const std::string& key, const known_top& top) { tops_.read(key, top); }
    /// Forgets what is over.
    void prune(unix_time t);
    std::size_t live(unix_time t) const;

    /// Entries that did not count, so far.
    std::uint64_t ignored() const { return ignored_; }
    /// Their names, each once, for the log.
    std::vector<std::string> take_ignored() { return std::exchange(to_tell_, {}); }

private:
    struct cell {
        granting::shared_grant grant;
        std::int64_t revision = 0;
        bool live = true;    ///< false: erased, by this host
        bool listed = false; ///< in the listing under way
    };

    void ignore(std::string_view name);
    void take(const entry& e, std::map<std::string, const cell*>& opened, granting::shared_changes& changes);

    const seal* seal_;
    std::map<std::string, cell, std::less<>> cells_;
    tops tops_;
    std::int64_t listed_as_of_ = 0;
    granting::shared_changes listed_;
    std::map<std::string, const cell*> opened_;
    std::uint64_t ignored_ = 0;
    std::set<std::string, std::less<>> told_;
    std::vector<std::string> to_tell_;
};

} // namespace chronoknock::fleet
