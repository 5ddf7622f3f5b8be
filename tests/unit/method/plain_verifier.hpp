#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

/// A verifier of the method time-sequence, written from chronoknock-protocol(7) and nothing else: DERIVATION,
/// MATCHING and WINDOWS as they stand there, each SYN judged by itself against all that came before it. Slow,
/// and of no use to a server; what the real one finds has to be what this one finds.
namespace chronoknock::plain {

using bytes = std::vector<std::uint8_t>;

/// A key, as "Key file" and the server's configuration describe it.
struct key {
    std::string digest; ///< as OpenSSL calls it
    bool hmac = true;
    std::string realm = {};
    bytes secret;
    std::int64_t g;                  ///< granularity
    std::size_t n;                   ///< length
    std::vector<std::uint16_t> pool; ///< in rising order
    bool strict = false;
    bool ignores_ip = false;
    std::vector<std::string> services = {}; ///< that it may open
};

/// A sequence that can be complete: "" is the service of a knock for all.
using sequence_name = std::tuple<std::size_t, std::string, std::int64_t>; // key, service, t0

struct syn {
    std::uint16_t source_port;
    std::uint16_t port;
    std::uint32_t sequence;
    nanoseconds at; ///< since the test began
};

class verifier {
public:
    struct settings {
        std::size_t memory;
        nanoseconds timeout;
    };
    verifier(std::vector<key> keys, settings s) : keys_(std::move(keys)), settings_(s) {}

    /// A SYN of a source. False: it is in no key's pool, and counts for nothing.
    bool observe(const address& who, const syn& s);

    /// When the knock began that the source's last SYN completes, if it completes that sequence.
    std::optional<nanoseconds> complete(const address& who, const sequence_name& name);

    /// The sequences that could be in time for a knock that began up to `timeout` before `now`. t: what the
    /// clock says at `now`, since the epoch; e: its error.
    std::vector<sequence_name> live(nanoseconds t, nanoseconds e) const;

    /// "In time": t + e >= t0 and t - e < t0 + 2g, for the moment at which the knock began.
    bool in_time(const sequence_name& name, nanoseconds t, nanoseconds e) const;

    /// Its SYNs are used up.
    void use_up(const address& who, const std::vector<sequence_name>& found);

    /// The ports of a sequence.
    const std::vector<std::uint16_t>& ports(const address& who, const sequence_name& name);

private:
    std::optional<nanoseconds> complete_set(const std::vector<syn>& seen,
                                            const std::vector<std::uint16_t>& wanted) const;
    std::optional<nanoseconds> complete_strict(const std::vector<syn>& seen,
                                               const std::vector<std::uint16_t>& wanted, const key& k) const;

    std::vector<key> keys_;
    settings settings_;
    std::map<std::string, std::vector<syn>> seen_; ///< by source
    std::map<std::tuple<std::string, sequence_name>, std::vector<std::uint16_t>> derived_;
};

} // namespace chronoknock::plain
