#pragma once

#include "app/way.hpp"
#include "base/in_words.hpp"
#include "io/client/window_memory.hpp"
#include "io/time/timesync.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::app {

using chronoknock::in_words;
/// That the window has been used, and when the next begins.
std::string window_used(nanoseconds wait);

/// The time, asked for in the background from when this is made. With the system clock it is there at once.
class time_question {
public:
    /// Asks, if a knock of the order depends on the time.
    explicit time_question(const order& o);
    /// Asks no longer.
    ~time_question();
    time_question(const time_question&) = delete;
    time_question& operator=(const time_question&) = delete;

    /// True if the time matters.
    bool asks() const;
    /// Readable when there is an answer.
    int answered() const;
    /// Waits for it.
    const result<io::time_fix>& fix();
    /// The same; a message has been said where it throws stop.
    io::time_fix answer();

private:
    struct state;
    std::unique_ptr<state> state_;
};

/// What the ways send their knocks for.
struct turns {
    /// Of each way the moment, in seconds since 1970, or the number; none: its window has been used.
    std::vector<std::optional<std::int64_t>> at;
    nanoseconds wait{0};        ///< where none has one: how long until one does
    nanoseconds clock_error{0}; ///< of the clock that they were taken by

    bool any() const;
};

/// Takes turns and notes what is used before it is sent: ways that the server cannot tell apart get the same,
/// once.
class turn_taker {
public:
    turn_taker(const order& o, std::vector<way> ways) : order_(o), ways_(std::move(ways)) {}

    /// Those that can be had now. A message has been said where it throws stop.
    turns take(time_question& time);
    /// How long until a knock after these can be another one; none: it cannot, or costs a one-time password.
    std::optional<nanoseconds> until_next(const turns& t, time_question& time) const;
    /// What the next knock by a way would be for, if it were taken now; none: the key has no windows.
    std::optional<client::turn> peek(const way& w, time_question& time);
    /// Nothing was sent: the next knock takes the number that this one took.
    void give_back();

private:
    struct taken_number {
        std::int64_t number;
        std::optional<std::int64_t> before; ///< the one that was noted until then
        io::window_owner owner;
    };
    io::window_owner owner_of(const way& w) const;
    io::window_memory* memory(bool needed);
    std::int64_t take_number(const way& w);
    client::turn take_window(const way& w, const time_estimate& now);
    std::int64_t fresh_moment(const io::time_fix& fix) const;
    turns same_for_all(std::int64_t at) const;

    const order& order_;
    std::vector<way> ways_;
    std::optional<io::window_memory> memory_;
    bool memory_failed_ = false;
    bool warned_ = false; ///< of a clock that is far off
    std::optional<taken_number> taken_;
};

} // namespace chronoknock::app
