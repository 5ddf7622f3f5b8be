#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace chronoknock::granting {

/// A knock that was accepted, as the store keeps it.
struct burnt {
    std::string key;            ///< fingerprint: a renamed key stays burnt
    std::string service;        ///< name, or empty: all
    std::optional<address> who; ///< none with ignore = ip
    std::int64_t t0 = 0;
    unix_time accepted; ///< what the clock said then
    bool operator==(const burnt&) const = default;
};

enum class judgement {
    accepted,
    repeated,       ///< burnt a moment ago: a later round of the knock that burnt it
    replayed,       ///< burnt
    outside_window, ///< the clock says it is not the window's time
    too_old,        ///< older than one window before the key's newest accepted one
    before_state,   ///< began before what is burnt was first written down
    too_soon,       ///< within the key's knock_delay
    too_many, ///< its key was accepted too often in this window, or holds all that is remembered of a key
};
std::string_view to_string(judgement j);

/// Most knocks of one key that are accepted in one window. Who holds a key can knock for any address, and
/// each such knock costs memory, disk, a grant and log; a key shared by a thousand clients never meets it.
inline constexpr std::uint32_t most_in_window = 1024;
/// Most burnt knocks of a key that are remembered. The oldest ones that refuse nothing make room.
inline constexpr std::size_t most_of_key = 4 * most_in_window;

/// Decides whether a complete knock earns anything, and remembers what is burnt (contract, section 4).
class replay_guard {
public:
    struct knock {
        burnt what; ///< its `accepted` is what the clock says now
        std::int64_t granularity;
        bool ignore_time; ///< the sequence never changes: a replay cannot be told from a knock
        nanoseconds delay;
        time_estimate arrival; ///< what the clock said when the first SYN arrived
    };

    /// known: what was burnt before. floor: windows that began before it are refused, because there may have
    /// been knocks that `known` lacks (the state was lost, or the machine broke down before it was on disk).
    replay_guard(const std::vector<burnt>& known, unix_time floor);

    /// Sets another floor.
    void set_floor(unix_time floor) { floor_ = floor; }

    /// Judges a knock and, if it accepts it, burns it: the caller stores it before it opens anything.
    judgement judge(const knock& k);
    /// What was accepted could not be burnt or not be opened: a later round of it, soon after, is accepted.
    void failed(const burnt& b);

    /// What made room since the last call, for the store to forget.
    std::vector<burnt> take_displaced() { return std::exchange(displaced_, {}); }

    /// Forgets what is refused without it and is older than a month, and gives it, for the store to forget.
    std::vector<burnt> prune(unix_time now);

    /// True if the address opened a door in the last month.
    bool knows(const address& who) const { return addresses_.contains(who); }
    std::size_t size() const;

private:
    using tuple = std::tuple<std::int64_t, std::string, std::optional<address>>; ///< t0, service, who

    struct fate {
        unix_time accepted;
        bool failed = false;
    };
    struct per_key {
        std::int64_t newest = 0;
        std::map<std::int64_t, std::uint32_t> accepted_in; ///< how many in each window that can be acceptable
        std::int64_t granularity = 0;                      ///< 0 until it is first judged
        bool ignore_time = false;
        nanoseconds delay{0};
        std::map<tuple, fate> burnt;
        std::map<std::optional<address>, unix_time> last; ///< accepted knock of an address
    };

    void remember(const burnt& b);
    bool has_room(const knock& k, per_key& key);
    static bool refuses(const per_key& key, std::int64_t t0);

    std::map<std::string, per_key> keys_;
    std::map<address, unix_time> addresses_;
    unix_time floor_;
    std::vector<burnt> displaced_;
};

} // namespace chronoknock::granting
