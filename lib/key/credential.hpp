#pragma once

#include "key/carrier.hpp"
#include "key/fingerprint.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::key {

/// With fewer numbered knocks than that left of a key its owner is told to make a new one.
inline constexpr std::int64_t few_left = 20;

/// A key: what a key file holds, as its method reads it (chronoknock.key(5)).
class credential {
public:
    virtual ~credential() = default;

    /// The name of its method: the field `method`.
    virtual std::string_view method() const = 0;
    /// A name that tells nothing of the secret, and stays the same when the key file is renamed.
    virtual const std::string& fingerprint() const = 0;
    /// What people compare at both ends (key/fingerprint.hpp), the same at both; empty: it shows none,
    /// because its secret is one of few that can all be tried.
    virtual std::string shown_fingerprint() const { return short_fingerprint(fingerprint()); }

    /// Seconds that one of its knocks is made for; 0: its knocks do not depend on the time.
    virtual std::uint32_t granularity() const = 0;
    /// Its knocks are numbered and each is good once: the client remembers which it sent last.
    virtual bool numbered() const { return false; }
    /// The number of the knock after number `last`, or of the first; of no knock, if they are used up.
    virtual std::int64_t number_after(std::optional<std::int64_t> last) const { return last ? *last + 1 : 0; }
    /// How many knocks further on number `to` is than number `from`; negative: before it.
    virtual std::int64_t numbers_between(std::int64_t from, std::int64_t to) const { return to - from; }
    /// How many beyond the one it accepted last the server of a numbered key looks for, as far as the client
    /// knows.
    virtual std::int64_t most_ahead() const { return 0; }
    /// How many are left after a number, if a client is to be told when they run short.
    virtual std::optional<std::int64_t> numbers_left(std::int64_t) const { return {}; }
    /// Whether it can knock: false of the server's file, where that is another one than the client's.
    virtual bool can_knock() const { return true; }
    /// Nothing can tell a replay of its knocks from a knock: they never change.
    virtual bool never_changes() const = 0;
    /// No two of its knocks are the same: the client has nothing to remember, and never waits for the next
    /// window.
    virtual bool always_fresh() const { return false; }
    /// What its messages may travel by, the one that a client takes first; none: the method has one way.
    virtual std::vector<carrier> carriers() const { return {}; }
    /// Its knocks are made for the address that they come from.
    virtual bool heeds_address() const = 0;
    /// Its knocks can name the address that they are to open for.
    virtual bool names_address() const { return false; }
    /// Its knocks can ask for one service, instead of all that the key may open.
    virtual bool names_service() const = 0;
    /// They ask for ports, "tcp/22,udp/53", where others ask for a service by its name, and never for all.
    virtual bool asks_for_ports() const { return false; }
    /// SYNs of an address that must be remembered at once to see a knock; 0: none is, for any key of its
    /// method.
    virtual std::uint32_t least_memory() const = 0;

    /// Wipes the secret, when whoever needs it has taken what he needs.
    virtual void forget_secret() = 0;
};

using credential_ptr = std::shared_ptr<credential>;

} // namespace chronoknock::key
