#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::granting {

/// What makes a claim good only once (chronoknock-protocol(7), REPLAY).
struct token {
    std::string key; ///< fingerprint: a renamed key stays burnt
    /// Its place in the key's order: a window's or a message's time (seconds since the epoch), a counter.
    /// Nothing older than `slack` before the key's newest accepted one is ever accepted again.
    std::int64_t place = 0;
    std::int64_t slack = 0;
    /// Nor anything more than `ahead` beyond it, or beyond -1 if none was accepted. 0: no such limit.
    std::int64_t ahead = 0;
    /// What tells it from the key's other claims of that place; the same in every copy of the claim.
    std::string identity;
    /// Nothing can tell a replay of it: it never changes.
    bool reusable = false;
    /// When it began to be good, and until when (not included) it is accepted; none: the time plays no part,
    /// and neither does the floor of the record.
    struct period {
        unix_time begin;
        unix_time end;
    };
    std::optional<period> good;
    /// When it is good with no record of its key, but none lost since begin. End max(): ever; none: always.
    std::optional<period> unrecorded = {};
};

/// What a complete knock asks for. Whether it earns anything is for the replay guard to say.
struct claim {
    enum class wish { open, close };

    std::uint32_t key; ///< index into the configuration's keys
    address source;    ///< whom the knock came from
    address beneficiary;
    std::vector<std::uint32_t> services; ///< indices into the configuration's services
    wish what = wish::open;
    std::optional<nanoseconds> open_for; ///< none: as each service says
    token once;
    instant first;                      ///< when its first packet arrived
    std::string description;            ///< for the log: "window 2026-11-24 12:00:00"; no secret, no port
    std::optional<address> paired = {}; ///< of the other family than beneficiary: meant as well
    std::string unfit = {}; ///< why it earns nothing, whatever the record says; empty: that decides
};

} // namespace chronoknock::granting
