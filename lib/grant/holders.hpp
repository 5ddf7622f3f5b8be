#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::granting {

/// Which keys hold which grant open, and until when. The firewall has one opening for an address and a
/// service, whoever opened it; so that a key closes what it has opened and nothing of another's, this says
/// who holds it. A change counts from when the firewall is asked for it, so that those that are on their way
/// together are seen in their order; settle() or undo() tells what became of it. Of more than `most` openings
/// at once the later ones are not known: no key closes them.
class holders {
public:
    static constexpr std::size_t most = 100'000;

    /// A change, as settle() and undo() take it; 0: one that is not known.
    using ticket = std::uint64_t;

    /// A key (its name) holds the grant until `end`, none: not at all, whatever it held before.
    ticket hold(const std::string& key, const prefix& who, const std::string& service,
                std::optional<instant> end, instant now);
    /// A change of the key's is made: what it held before is over, and with `alone` what every other one did.
    void settle(const std::string& key, const prefix& who, const std::string& service, ticket t, bool alone);
    /// The grant was prolonged: for whoever holds it at `now`, until `end` at least.
    void prolong(const prefix& who, const std::string& service, instant end, instant now);
    /// The change could not be made: what was before it goes on, unless another change followed.
    void undo(const prefix& who, const std::string& service, ticket t);

    bool holds(const std::string& key, const prefix& who, const std::string& service, instant now) const;
    /// True if the key holds it, and the newest change of all is its own.
    bool holds_newest(const std::string& key, const prefix& who, const std::string& service,
                      instant now) const;
    /// Until when another key holds it; none: no other one does at `now`.
    std::optional<instant> held_by_another(const std::string& key, const prefix& who,
                                           const std::string& service, instant now) const;
    struct held {
        prefix who;
        std::string service;
        std::string key; ///< its name
        instant end;
        bool newest; ///< no other key changed the grant since
    };
    /// An address, or a network, and a service.
    using grant = std::pair<prefix, std::string>;
    /// What a key (its name) holds at `now`.
    std::set<grant> held_by(const std::string& key, instant now) const;
    /// All that is held at `now`.
    std::vector<held> all(instant now) const;
    /// The keys (their names) that hold a grant at `now`.
    std::vector<std::string> keys_of(const prefix& who, const std::string& service, instant now) const;
    /// Of a service that is another one now nothing is open.
    template <class Predicate>
    void keep(Predicate wanted) {
        std::erase_if(open_, [&](const auto& o) { return !wanted(o.first.second); });
        sweep_keys();
    }
    std::size_t size() const { return open_.size(); }
    /// Grants that are known by key; some of them are over.
    std::size_t indexed() const { return indexed_; }

private:
    struct change {
        std::string key;
        std::optional<instant> end;
        ticket number;
        bool is_over(instant now) const { return end && *end <= now; }
    };
    /// Of a grant, the newest last. Of those of a key the last one counts.
    using changes = std::vector<change>;

    const changes& of(const prefix& who, const std::string& service) const;
    template <class Predicate>
    void erase(const prefix& who, const std::string& service, Predicate unwanted);

    void sweep_keys();

    static constexpr std::size_t least_sweep = 1024;

    std::map<grant, changes> open_;
    /// By key, what it has changed; some of that may be over.
    std::map<std::string, std::set<grant>> of_keys_;
    std::size_t indexed_ = 0; ///< grants in these
    ticket last_ = 0;
    std::size_t sweep_at_ = least_sweep;
};

} // namespace chronoknock::granting
