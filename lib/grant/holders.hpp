#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::granting {

/// Which keys hold which grant open, and until when. The firewall has one opening for an address and a
/// service, whoever opened it; so that a key closes what it has opened and nothing of another's, this says
/// who holds it. Of more than `most` openings at once the later ones are not known: no key closes them.
class holders {
public:
    static constexpr std::size_t most = 100'000;

    /// A key (its name) holds the grant until `end`, whatever it held before: given back, if it did at `now`.
    std::optional<instant> hold(const std::string& key, const address& who, const std::string& service,
                                instant end, instant now);
    bool holds(const std::string& key, const address& who, const std::string& service, instant now) const;
    /// The key holds it no longer.
    void let_go(const std::string& key, const address& who, const std::string& service);
    /// Until when another key holds it; none: no other one does at `now`.
    std::optional<instant> held_by_another(const std::string& key, const address& who,
                                           const std::string& service, instant now) const;
    /// Of a service that is another one now nothing is open.
    template <class Predicate>
    void keep(Predicate wanted) {
        std::erase_if(open_, [&](const auto& o) { return !wanted(o.first.second); });
    }
    std::size_t size() const { return open_.size(); }

private:
    struct holder {
        std::string key;
        instant end;
    };
    static constexpr std::size_t least_sweep = 1024;

    std::map<std::pair<address, std::string>, std::vector<holder>> open_;
    std::size_t sweep_at_ = least_sweep;
};

} // namespace chronoknock::granting
