#pragma once

#include "grant/shared.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace chronoknock::fleet {

/// The newest place of a key that the fleet has accepted, as it was seen last. An old one costs a second try,
/// no more.
struct known_top {
    std::int64_t revision = 0; ///< of its entry in etcd; 0: there is none
    bool has_place = false;
    std::int64_t place = 0;
    bool operator==(const known_top&) const = default;
};

/// What is known of each key (its fingerprint): by this host's own redemptions, and by what other hosts burn,
/// so that a knock takes one transaction on whichever host it comes.
class tops {
public:
    static constexpr std::size_t most = 100'000; ///< keys; others cost a second try each time

    known_top of(const std::string& key) const {
        const auto found = tops_.find(key);
        return found == tops_.end() ? known_top() : found->second;
    }
    /// What stands in etcd.
    void read(const std::string& key, const known_top& t) {
        if (const auto found = tops_.find(key); found != tops_.end())
            found->second = t;
        else if (tops_.size() < most)
            tops_.emplace(key, t);
    }
    /// A token that was burnt by a transaction of this revision: the first one of the newest place has
    /// written that as well. A listing tells of them in whatever order.
    void burnt(const granting::burnt& b, std::int64_t revision) {
        const auto known = of(b.key);
        if (!known.has_place || b.place > known.place ||
            (b.place == known.place && revision < known.revision))
            read(b.key, {revision, true, b.place});
    }
    void clear() { tops_.clear(); }

private:
    std::map<std::string, known_top> tops_;
};

} // namespace chronoknock::fleet
