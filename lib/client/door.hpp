#pragma once

#include "base/time.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace chronoknock::client {

/// How long a door may keep silent before it counts as shut (chronoknock-connect(1), WHEN IT KNOCKS):
/// three round trips as the last connection measured them, else what a local link can take at most, else
/// half a second, in which an answer comes from any place on earth; and never less than a busy host needs. A
/// door that is taken for shut in error costs a knock.
///
/// round_trip: of the last connection to this address from this one. on_link: no router is on the way.
nanoseconds silence_of_shut_door(std::optional<nanoseconds> round_trip, bool on_link);

/// True if a round trip that was measured is so far from what is remembered that it is to be remembered.
bool worth_remembering(std::optional<nanoseconds> remembered, nanoseconds measured);

/// Decides when to try which address of a host whose door may be open, and when the door counts as shut. It
/// connects to nothing itself: ask next(), do as it says, report what came back. The addresses are tried in
/// their order, shortly apart (as RFC 8305 has it), so that an open door is not tried at another address too.
class door {
public:
    enum class step { attempt, wait, shut };
    struct action {
        step what;
        std::size_t address = 0; ///< attempt: a connection to this one
        instant until{};         ///< wait: ask again then, or after an answer
    };

    explicit door(std::size_t addresses) : tries_(addresses) {}

    /// How long each address may keep silent. Until it is told, they may for ever.
    void set_silences(const std::vector<nanoseconds>& silences);
    /// An `attempt` counts as begun.
    action next(instant now);
    /// A connection to this address was refused, or cannot be.
    void refused(std::size_t address) { tries_[address].refused = true; }

private:
    struct attempt {
        nanoseconds silence = nanoseconds::max();
        instant since{};
        bool refused = false;
    };
    static instant after(instant since, nanoseconds time);

    std::vector<attempt> tries_;
    std::size_t begun_ = 0;
};

} // namespace chronoknock::client
