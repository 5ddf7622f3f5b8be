#pragma once

#include "base/time.hpp"
#include "client/door.hpp"
#include "io/client/socket_address.hpp"
#include "io/system/descriptor.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace chronoknock::io {

/// The shell of client::door: connections to one port of a host's addresses, which are refused, or keep
/// silent, until one stands.
class door_tries {
public:
    struct side {
        destination to;
        std::optional<address> bind; ///< connect from this local address
    };

    door_tries(std::vector<side> sides, std::uint16_t port);

    /// Tries each address. Gives the first connection that stands; none: the door is shut. silences: how long
    /// each address may keep silent; asked for where no answer comes at once.
    std::optional<descriptor> try_once(const std::function<std::vector<nanoseconds>()>& silences);
    /// Goes on trying, often at first, until a connection stands, the moment has come or `wake` is readable.
    std::optional<descriptor> keep_trying(instant until, int wake = -1);
    /// True if the side of this number has answered as a closed port does.
    bool was_refused(std::size_t number) const { return refused_[number]; }
    /// The connections that have not been answered yet, which another takes over.
    std::vector<descriptor> release();

private:
    struct attempt {
        descriptor socket;
        std::size_t number; ///< of its side
        instant since;
    };
    /// Begins a connection. One that stands at once is given; one that fails at once is told to the door.
    std::optional<descriptor> start(std::size_t number, instant now, client::door* told);
    std::optional<descriptor> wait(instant until, int wake, client::door* told);

    std::vector<side> sides_;
    std::uint16_t port_;
    std::vector<attempt> attempts_;
    std::vector<bool> refused_; ///< by side
};

/// Makes a connection that would be reset when it is closed one to use: closed as usual, and small pieces
/// leave at once.
void make_usable(const descriptor& connection);

/// The round trip that the kernel has measured of a connection; none if it has not.
std::optional<nanoseconds> round_trip_of(const descriptor& connection);

} // namespace chronoknock::io
