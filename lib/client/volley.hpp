#pragma once

#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace chronoknock::client {

/// How a knock is sent. A round is one SYN to each port of the sequence.
///
/// Each of the n ports must get through in one round at least, so at a loss of p a knock of r rounds arrives
/// with the chance (1 - p^r)^n. For n = 16, in percent:
///
///     rounds    1      2      3      4      5
///     p =  1 %  85.1   99.84  99.998 100    100
///     p =  5 %  44.0   96.1   99.80  99.990 99.9995
///     p = 20 %   2.8   52.0   87.9   97.5   99.5
///
/// Five rounds are the fewest that give 99.9 % at 5 % and 99 % at 20 %: 80 SYNs, 5 kB. Most knocks need far
/// less, and a host whose firewall does not swallow them says so: it answers a SYN to a closed port with a
/// RST. So two rounds are sent in any case (a RST may come from something on the way), and more, up to five,
/// while some port has not answered: on the average 32 SYNs without loss, 34.5 at 5 %, 59 at 20 %
/// (test_volley.cpp). A silent host, which tells nothing, gets all five rounds.
struct pace {
    std::uint32_t least = 2; ///< rounds in any case
    std::uint32_t most = 5;  ///< rounds while some port has not answered
    nanoseconds gap{0};      ///< between SYNs
    nanoseconds pause =
        milliseconds(100); ///< between rounds: losses come in bursts, one should not hit two rounds
};

/// Decides what a knock does next. It sends nothing itself: ask next(), do as it says, report what came back.
class volley {
public:
    enum class step { send, wait, done };
    struct action {
        step what;
        std::size_t port = 0; ///< send: to this port of the sequence
        instant until{};      ///< wait: ask again then, or after an answer
    };

    /// ports: how many the sequence has.
    volley(std::size_t ports, const pace& p) : pace_(p), answered_(ports, false) {}

    /// A `send` counts as sent.
    action next(instant now);
    /// A SYN to this port of the sequence was answered: it arrived.
    void answered(std::size_t port);
    /// The door was seen open: no more is needed.
    void opened() { open_ = true; }

    /// Some ports of a round are still to be sent. Any other SYN between them, a try at the door say, breaks
    /// the sequence for a server in strict mode, if one of its keys has the port in its pool.
    bool in_round() const { return at_ != 0; }
    std::uint32_t syns() const { return syns_; }
    /// Rounds sent in full.
    std::uint32_t rounds() const { return rounds_; }
    std::size_t answers() const { return answers_; }

private:
    bool enough() const;

    pace pace_;
    std::vector<bool> answered_;
    std::size_t answers_ = 0;
    std::size_t at_ = 0; ///< in the sequence
    std::uint32_t rounds_ = 0;
    std::uint32_t syns_ = 0;
    instant due_{}; ///< of the next SYN
    bool open_ = false;
};

} // namespace chronoknock::client
