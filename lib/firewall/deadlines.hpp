#pragma once

#include "base/time.hpp"
#include "firewall/change.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::firewall {

/// When open grants are to be closed, for backends that do not end them by themselves. Its shell arms one
/// timer for next() and then has due() carried out.
class deadlines {
public:
    /// A change was made at `now`: an opened grant has a new deadline, a closed one none.
    void note(const change& c, instant now);
    /// When a grant ends; none if it is not known to be open.
    std::optional<instant> end_of(const change& c) const;
    /// Forgets the grants that are not `wanted`.
    void keep(const std::function<bool(const prefix& who, const std::string& service)>& wanted);
    /// When the first open grant ends; none if none is open.
    std::optional<instant> next() const;
    /// What is to be closed at `now`, the oldest deadline first. It is forgotten: a shell that cannot close
    /// it notes it again, open for as long as it means to wait.
    std::vector<change> due(instant now);
    std::size_t size() const { return ends_.size(); }

private:
    using grant = std::pair<prefix, std::string>;
    std::map<grant, instant> ends_;
    std::set<std::pair<instant, grant>> order_;
};

} // namespace chronoknock::firewall
