#pragma once

#include <string>
#include <vector>

namespace chronoknock::firewall {

/// Keeps the guard's table as it was asked for: what is done when rules are asked for, when somebody has
/// removed or changed the table, and when it cannot be written or read back. Its shell carries out the
/// actions in their order and says what came of them.
///
///     asked: from idle, standing, unverified or lost to setting_up; from there, written, to standing or (it
///            could not be read back) unverified, or, not written, back
///     seen changed, or to be written anew: from standing or unverified to repairing; from there to standing,
///            unverified or, not written, lost; from lost to repairing when the kernel tells something new or
///            the pause is over
///     seen whole: from unverified to standing
///     withdrawn, stop: from everywhere to idle, stopped
class guardian {
public:
    enum class state {
        idle,       ///< there is no table of ours, or none that is ours to keep
        setting_up, ///< new rules are being written
        standing,   ///< the table is known to be as it was written
        unverified, ///< it was written, and could not be read back since
        repairing,  ///< the rules that hold are being written again
        lost,       ///< the table is gone or changed, and could not be written
        stopped     ///< a guard that stands goes on standing
    };

    enum class kind {
        look,       ///< read the table back; answered by saw()
        write,      ///< the rules asked for, or that hold; everything live goes on; answered by wrote()
        write_lost, ///< the same, but the guard was down: only what it had admitted goes on
        admit_rest, ///< in the next turn of the loop, the next part of what goes on; answered by admitted()
        put_back,   ///< the grants that are open, into a table that has none
        pause,      ///< answered by pause_over()
        info,       ///< the text into the log, and so on
        warning,
        error
    };
    struct action {
        guardian::kind kind;
        std::string text{};
        bool operator==(const action&) const = default;
    };
    using actions = std::vector<action>;

    enum class sight {
        whole,    ///< as it was written
        outdated, ///< to be written anew for another reason: addresses are translated since, or it cannot be
                  ///< known whether it is as it was written
        changed,  ///< gone, or somebody else's work
        unreadable, ///< the kernel does not tell
    };
    struct written {
        bool verified = true; ///< the table was read back
        bool kept = true;     ///< with the grants in it
        bool rest = false;    ///< there is more to admit
    };

    /// Rules are to be set up. Not while a write is under way.
    actions asked();
    /// The guard was taken away.
    actions withdrawn();
    /// Nothing is to be done any more.
    actions stop();
    /// The kernel says that somebody changed some table, or a grant found none.
    actions notified();
    actions saw(sight s);
    actions wrote(const written& w);
    /// The write changed nothing.
    actions not_written(const std::string& why);
    actions admitted(bool more);
    actions pause_over();

    state now() const { return state_; }

    /// Two programs that undo each other's work must not run nft without end: so many tries, then none until
    /// the pause that began with the first one is over.
    static constexpr int most_tries = 5;

private:
    void become(state next);
    actions repair(kind write);
    void count_try(actions& then);

    state state_ = state::idle;
    state before_ = state::idle; ///< the write that is under way
    int tries_ = 0;              ///< since the pause began; 0: there is none
    bool admitting_ = false;     ///< a turn of the loop is to come
};

} // namespace chronoknock::firewall
