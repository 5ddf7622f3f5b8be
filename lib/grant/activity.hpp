#pragma once

#include "base/histogram.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::granting {

/// What keys have earned since the start, for those who watch. It grows with the keys that have knocked with
/// success, never with strangers.
class activity {
public:
    struct key {
        std::string name;
        std::uint64_t granted = 0;
        unix_time last{};
    };

    /// A knock of a key was granted, accepted at `when`. delay: from when it was complete until the firewall
    /// had it open; none: it closed.
    void granted(const std::string& name, unix_time when, std::optional<nanoseconds> delay);
    /// Forgets the keys that are not to be kept.
    void keep(const std::function<bool(std::string_view)>& kept);

    /// In the order in which they were granted something first, so that the first thousand of them stay the
    /// same.
    const std::vector<key>& keys() const { return keys_; }
    const histogram& delays() const { return delays_; }

private:
    std::vector<key> keys_;
    std::map<std::string, std::size_t, std::less<>> places_; ///< in keys_
    histogram delays_;
};

} // namespace chronoknock::granting
