#pragma once

#include "base/address.hpp"
#include "base/time.hpp"
#include "grant/burnt.hpp"
#include "grant/claim.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chronoknock::granting {

enum class judgement {
    accepted,
    repeated,       ///< on its way, or burnt a moment ago: a later round of the knock that burnt it
    replayed,       ///< burnt
    outside_window, ///< the clock says it is not its time
    too_old,        ///< older than its key's newest accepted one allows
    too_far_ahead,  ///< further ahead of its key's newest accepted one than it may be
    before_state,   ///< began before what is burnt was first written down
    unrecorded,     ///< what its key's newest accepted one was is not known (any more)
    too_soon,       ///< within the key's knock_delay
    used_up,        ///< too soon as well, but reserved: it is to be burnt, and opens nothing
    too_many, ///< its key was accepted too often in this place, or holds all that is remembered of a key
};
std::string_view to_string(judgement j);

/// Most claims of one key that are accepted in one place (a window). Who holds a key can knock for any
/// address, and each such knock costs memory, disk, a grant and log; a key shared by a thousand clients never
/// meets it.
inline constexpr std::uint32_t most_in_window = 1024;
/// Most burnt tokens of a key that are remembered. The oldest ones that refuse nothing make room.
inline constexpr std::size_t most_of_key = 4 * most_in_window;

/// Decides whether a claim earns anything, and remembers what is burnt (chronoknock-protocol(7), REPLAY). A
/// token that is accepted is reserved; what became of it is told by opened() or failed(). Until then a copy
/// of it earns nothing.
class replay_guard {
public:
    struct attempt {
        const token& once;
        const address& beneficiary;
        nanoseconds delay;     ///< least time between two accepted claims of its key and beneficiary
        unix_time now;         ///< what the clock says
        time_estimate arrival; ///< what it said when the first packet arrived
        /// False: a copy of it, from elsewhere, may open for somebody else than it was refused to.
        bool bound = true;
    };

    /// known: what was burnt before. floor: what began before it is refused, because there may have been
    /// claims that `known` lacks (the state was lost, or the machine broke down before it was on disk).
    /// lacking: when the record was last found to lack some of its tokens; unix_time::max(): now, and
    /// until the next floor that is not provisional.
    replay_guard(const std::vector<burnt>& known, unix_time floor, std::optional<unix_time> lacking = {});

    /// Sets another floor. provisional: the store does not have it, and the clock that it is by may be wrong:
    /// it does not tell until when the record lacked something. Another one does, also if it is earlier than
    /// the last: the clock was ahead when that was set.
    void set_floor(unix_time floor, bool provisional = false) {
        floor_ = floor;
        if (!provisional && lacking_ && *lacking_ > floor) lacking_ = floor;
    }

    /// Judges a claim and, if it accepts it or has it used up, reserves its token: the caller writes
    /// burnt_of() down before it opens anything.
    judgement judge(const attempt& a);
    /// What was accepted is written down and open.
    void opened(const burnt& b);
    /// What was reserved is written down, and opened nothing: knock_delay does not count from it.
    void used_up(const burnt& b);
    /// What was accepted could not be written down or not be opened: it counts for nothing any more, and a
    /// later round of it, soon after, is accepted.
    void failed(const burnt& b);

    /// Another host of the fleet has burnt it: here it earns nothing any more. As many of a key are
    /// remembered as of its own; of the others, which the fleet remembers, this is false.
    bool learn(const burnt& b);

    static burnt burnt_of(const token& once, const address& beneficiary, unix_time accepted) {
        return {once.key, once.place, once.identity, beneficiary, accepted};
    }

    /// What made room since the last call, for the store to forget.
    std::vector<burnt> take_displaced() { return std::exchange(displaced_, {}); }

    /// Forgets what is refused without it and is older than a month, and gives it, for the store to forget.
    std::vector<burnt> prune(unix_time now);

    /// True if the address opened a door in the last month.
    bool knows(const address& who) const { return addresses_.contains(who); }
    /// The newest token of a key (its fingerprint) that opened.
    std::optional<burnt> newest(const std::string& key) const;
    /// True if a token of a key (its fingerprint) has opened or is on its way.
    bool is_burnt(const std::string& key, std::int64_t place, const std::string& identity) const;
    /// True if it is on its way.
    bool is_reserved(const std::string& key, std::int64_t place, const std::string& identity) const;
    std::size_t size() const;

private:
    using spot = std::pair<std::int64_t, std::string>; ///< place, identity

    enum class state { reserved, opened, failed };
    struct fate {
        state is;
        std::optional<address> who;
        unix_time first;    ///< when it was accepted first
        unix_time accepted; ///< when it was accepted last
    };
    /// When an address opened last, and when a claim for it was accepted that is on its way.
    struct use {
        std::optional<unix_time> opened;
        std::optional<unix_time> reserved;
    };
    /// What a key's last token said.
    struct rules {
        std::int64_t slack;
        bool reusable;
        nanoseconds delay;
    };
    struct per_key {
        std::optional<std::int64_t> newest;                ///< place that was accepted
        std::optional<std::int64_t> newest_opened;         ///< of those that opened: it is never given up
        std::map<std::int64_t, std::uint32_t> accepted_in; ///< how many in each place that can be acceptable
        std::optional<rules> by;                           ///< none until it is first judged
        std::map<spot, fate> burnt;
        std::map<std::optional<address>, use> last; ///< none: those of whom it was not written down
    };

    bool is_unrecorded(const per_key& key, const attempt& a) const;
    bool too_soon(const per_key& key, const attempt& a) const;
    bool make_room(const attempt& a, per_key& key);
    void reserve(const attempt& a, per_key& key);
    static std::optional<std::pair<spot, fate>> newest(const per_key& key);
    static void release(per_key& key, const fate& f);
    static fate* reserved(per_key& key, const burnt& b);
    static std::int64_t counted_in(const rules& by, std::int64_t place, unix_time accepted);
    static bool is_recent_enough(const per_key& key, std::int64_t place);
    static bool may_be_replayed(const per_key& key, std::int64_t place);
    static bool is_needed(const per_key& key, std::int64_t place, const fate& f, unix_time now);

    std::map<std::string, per_key> keys_;
    std::map<address, unix_time> addresses_;
    unix_time floor_;
    std::optional<unix_time> lacking_;
    std::vector<burnt> displaced_;
};

} // namespace chronoknock::granting
