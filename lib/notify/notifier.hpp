#pragma once

#include "base/time.hpp"
#include "config/events.hpp"
#include "grant/actions.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// A program of the owner's is run when something happens: [events] of chronoknock.ini(5). Nothing of it is
/// on the way of a knock.
namespace chronoknock::notify {

/// What a program is told: NAME=VALUE of its environment, nothing in it but printable ASCII.
using environment = std::vector<std::string>;

/// Something that happened.
struct notice {
    config::event_kind kind;
    environment facts; ///< all but CHRONOKNOCK_LEFT_OUT
    bool operator==(const notice&) const = default;
};

/// A grant or a refusal, as the history has it; none if it is neither.
std::optional<notice> notice_of(const granting::history_entry& e);
/// No knock counts any more for want of a time (reason: why, for people), or they do again.
notice time_lost(std::string_view reason);
notice time_returned();

/// How a run ended.
struct outcome {
    enum class kind {
        exited,    ///< number: its status
        signalled, ///< number: the signal that ended it
        not_run,   ///< text: why
    };
    outcome::kind what;
    int number = 0;
    std::string text = {}; ///< of a failed one also the first line that it wrote
};

/// Start the command with this environment, and tell notifier::ended().
struct start {
    std::uint64_t run;
    std::vector<std::string> command;
    environment facts;
    bool operator==(const start&) const = default;
};
/// End a run with all that it has started.
struct kill {
    std::uint64_t run;
    bool operator==(const kill&) const = default;
};
using action = std::variant<start, kill, granting::tell>;
using actions = std::vector<action>;

/// Decides what is run when, and what the log says of it. Strangers cause refusals, and whoever can repeat a
/// knock causes many: each kind has its own allowance, so that none hides another.
class notifier {
public:
    static constexpr std::size_t most_at_once = 4;
    static constexpr std::size_t most_waiting = 16; ///< of each kind
    static constexpr nanoseconds minute = std::chrono::minutes(1);
    /// A server that has no time so long after its start has lost it.
    static constexpr nanoseconds first_time_within = std::chrono::minutes(1);

    explicit notifier(config::event_settings s) : settings_(std::move(s)) {}

    /// For what happens from now on; what waits is run by the new command.
    void set(config::event_settings s) { settings_ = std::move(s); }

    actions happened(const notice& n, instant now);
    /// Whether knocks count at `now`, and if they do not, why; to be called now and again.
    actions heed_time(bool known, std::string_view reason, instant now);
    actions ended(std::uint64_t run, const outcome& o, instant now);
    /// What became due by `now`: a run over its limit, lines for the log.
    actions due(instant now);

private:
    struct lane {
        std::deque<environment> waiting;
        instant begin{}; ///< of the minute in which `runs` counts
        std::uint32_t runs = 0;
        std::uint64_t left_out = 0; ///< since the last program that was told of them
        std::uint64_t untold = 0;   ///< since the last line that told of them
        std::optional<instant> told;
    };
    struct running {
        instant deadline;
        nanoseconds limit;
        std::string program;
        bool killed = false;
    };
    bool wants(config::event_kind k) const;
    void start_waiting(instant now, actions& todo);
    void complain(const std::string& line, instant now, actions& todo);

    config::event_settings settings_;
    std::array<lane, config::event_kinds> lanes_; ///< by kind, the most important first
    std::map<std::uint64_t, running> running_;
    std::uint64_t last_run_ = 0;
    std::optional<instant> complained_;
    std::uint64_t more_failures_ = 0; ///< since the last line on one
    std::optional<instant> first_heeded_;
    std::optional<bool> known_; ///< what the last notice on time said; none: nothing yet
};

} // namespace chronoknock::notify
