#pragma once

#include "base/time.hpp"

#include <boost/container/static_vector.hpp>

namespace chronoknock::io {

/// What the kernel says of an interface.
struct link_state {
    int index = 0; ///< 0: there is none; "any" has -1
    bool up = false;
};

/// Tells quiet from busy: a bucket that leaks `leak` packets a second and is full with `burst`, which some
/// knocks at the same time stay below.
class load_meter {
public:
    bool busy(instant now, int packets);

private:
    instant drained_{};
};

/// Decides what is done with one interface, which may come, go and be down at any time. Pure: it is told what
/// happened, gives what is to be done, and source (capture.cpp) does that.
class source_machine {
public:
    enum class state {
        stopped,
        absent,   ///< there is no such interface
        down,     ///< it is down, and nothing is open
        opening,  ///< it is up: a capture is being opened
        doubtful, ///< that failed: because the interface went?
        failed,   ///< it is up, and opening or reading failed
        quiet,    ///< open: wakes for the next packet
        busy,     ///< open: lets packets gather
        deaf,     ///< open, and the interface is down: it hears again as soon as that is up
    };
    enum class action {
        look, ///< ask the kernel about the interface, then link_seen()
        open, ///< then opened() or open_failed()
        close,
        wait,  ///< until there is something to read, then read()
        pause, ///< pause_length, then read()
        yield, ///< read() again after others had their turn
        retry, ///< after retry_after, look_again()
        tell_listening,
        tell_absent,
        tell_down,
        tell_open_failed,
        tell_read_failed,
    };
    using actions = boost::container::static_vector<action, 4>;

    /// Packets read in one turn of the loop; then others get theirs.
    static constexpr int most_per_turn = 4096;
    /// How long packets gather when it is busy: waking is most of a packet's cost.
    static constexpr auto pause_length = std::chrono::microseconds(500);
    /// libpcap tells neither of an interface that comes, nor of every one that goes.
    static constexpr auto retry_after = seconds(1);

    actions start();
    actions link_seen(link_state link);
    actions opened();
    actions open_failed();
    /// Packets were read, most_per_turn at most.
    actions read(int packets, instant now);
    actions read_failed();
    actions look_again();
    actions stop();

    state now() const { return state_; }

private:
    bool open() const { return state_ == state::quiet || state_ == state::busy || state_ == state::deaf; }

    state state_ = state::stopped;
    int index_ = 0; ///< of the interface that is open
    load_meter load_;
};

} // namespace chronoknock::io
