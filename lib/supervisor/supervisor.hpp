#pragma once

#include <string>
#include <vector>

namespace chronoknock {

/// The life of a server: its start, the ways to another configuration, its stop. Its shell carries out the
/// actions in their order and says what came of them. The old configuration is served until the new one takes
/// over; whatever fails on the way leaves it in its place, and of several the latest counts.
///
/// - started: from starting to running, from rereading to reading;
/// - asked to reload: from starting to rereading, from running or warming to reading; in rereading, reading
/// and
///   preparing it waits for the end of what is under way;
/// - read: from rereading to starting (with the new one), from reading to warming; failed: where it came
/// from;
/// - warmed: from warming to preparing; prepared: from there to running; failed: to running;
/// - asked to stop: from everywhere to stopping, if the guard is to go, or to stopped.
class supervisor {
public:
    enum class state {
        starting,  ///< the guard, and then what else a knock needs, is being set up; no knock counts
        rereading, ///< the same, while another configuration is read
        running,   ///< knocks are served
        reading,   ///< the same, while another configuration is read
        warming,   ///< the same, while its verifiers derive what they need
        preparing, ///< the same, while the firewall goes over to it
        stopping,  ///< the guard is being taken away
        stopped
    };

    enum class kind {
        set_up,  ///< step by step, by the configuration there is; answered by started()
        serve,   ///< begin to
        read,    ///< the newest configuration, and make verifiers of it; answered by read() or not_read()
        adopt,   ///< what was read is the configuration there is; nothing is served yet
        warm,    ///< what takes the place of something, a bit at a time; answered by warmed() or not_warmed()
        prepare, ///< the firewall, for what was read; answered by prepared() or not_prepared()
        take_over, ///< serve by what was read
        drop,      ///< what was read, and what was made of it
        succeeded, ///< tell who asked for a reload
        failed,    ///< the same, with the text
        be_quiet,  ///< no timer, no packet, no time any more
        withdraw,  ///< take the guard away; answered by withdrawn()
        close,     ///< end in order
    };
    struct action {
        supervisor::kind kind;
        std::string text{};
        bool operator==(const action&) const = default;
    };
    using actions = std::vector<action>;

    actions start() { return {{kind::set_up}}; }
    actions started();
    /// Another configuration is to be read.
    actions reload();
    actions read();
    actions not_read(const std::string& why);
    actions warmed();
    actions not_warmed(const std::string& why);
    actions prepared();
    actions not_prepared(const std::string& why);
    /// remove_guard: there is one, and it is to go.
    actions stop(bool remove_guard);
    /// The guard is gone, or will not go.
    actions withdrawn();

    state now() const { return state_; }
    /// True if knocks are served.
    bool serves() const {
        return state_ == state::running || state_ == state::reading || state_ == state::warming ||
               state_ == state::preparing;
    }

private:
    actions become(state next, actions then);
    actions give_up(const std::string& why);

    state state_ = state::starting;
    /// Asked to reload while a read or a preparation, which cannot be broken off, goes on.
    bool once_more_ = false;
};

} // namespace chronoknock
