#pragma once

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/port_set.hpp"
#include "base/time.hpp"
#include "config/server.hpp"
#include "grant/claim.hpp"
#include "packet/event.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The ways of knocking: each a row of the table in methods.cpp and a folder or a file of its own.
namespace chronoknock::method {

/// What is to be captured.
struct capture_wish {
    port_set syns;                      ///< TCP SYNs to these ports
    port_set datagrams;                 ///< UDP datagrams to these ports
    std::uint32_t most_of_datagram = 0; ///< bytes of their payload
};

/// Finds complete knocks among events: one for all keys of a method, so that the cost of a packet does not
/// depend on their number.
class verifier {
public:
    virtual ~verifier() = default;

    /// Tells what the clock says at `now`. To be called before the first event and now and again (each batch
    /// will do). False if work is left: then soon again. `work`: how much of it at most, in derivations.
    virtual bool advance(instant now, const time_estimate& t, std::size_t work) = 0;
    /// Takes one event of a batch that arrived at `now`.
    virtual void observe(const packet::event& e, instant now) = 0;
    /// Ends the batch: gives what was completed.
    virtual std::vector<granting::claim> end_batch(instant now) = 0;
    /// True if end_batch wants to be called again soon, with or without events.
    virtual bool waiting() const { return false; }
    /// For `status`: names and numbers.
    virtual std::vector<std::pair<std::string_view, std::uint64_t>> count() const { return {}; }
};

/// What a verifier is made from. It takes what it needs of the secrets; the configuration outlives it.
struct verifier_settings {
    const config::server& server;
    std::span<const std::uint32_t> keys;       ///< those of the method: indices into server.keys
    std::span<const std::string> fingerprints; ///< of all of server.keys
    hash_seed seed;
    /// Tells whether an address opened a door before: what is worked out for such is rationed apart.
    std::function<bool(const address&)> known;
};

} // namespace chronoknock::method
