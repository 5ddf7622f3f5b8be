#pragma once

#include "timesync/settings.hpp"

#include <deque>
#include <optional>
#include <span>
#include <vector>

/// Which of a name's addresses is asked: one machine is one vote.
namespace chronoknock::timesync {

/// Puts those that nobody else asks first, else in the order they came.
void unused_first(std::vector<endpoint>& found, std::span<const endpoint> used);

/// What the members of a pool gave up, because it was unreachable or false; bounded, the oldest goes first.
class given_up {
public:
    static constexpr std::size_t size = 16;
    void add(const endpoint& e);
    /// How long ago: 0 is the oldest; nothing if it was not given up.
    std::optional<std::size_t> rank(const endpoint& e) const;

private:
    std::deque<endpoint> list_;
};

/// The address for a member of a pool: the first that nobody else asks and nobody gave up, else the one that
/// was given up longest ago; nothing if all are asked already.
std::optional<endpoint> pick(std::span<const endpoint> found, std::span<const endpoint> used,
                             const given_up& left);

} // namespace chronoknock::timesync
