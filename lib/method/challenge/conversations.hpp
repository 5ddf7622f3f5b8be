#pragma once

#include "base/address.hpp"
#include "base/hash.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace chronoknock::challenge {

/// Which request: the key's fingerprint and realm, the service's name (empty: all) and the window.
struct request_id {
    std::string key;
    std::string service;
    std::int64_t t0 = 0;
    auto operator<=>(const request_id&) const = default;
};

/// A request that was answered.
struct conversation {
    request_id id;
    address who;
    instant first; ///< when the request's first packet arrived
    instant since; ///< when it was answered first
    std::vector<std::uint8_t> challenge;
    std::vector<std::uint16_t> response; ///< ports that are waited for
    bool strict = false;
    std::uint32_t answers = 0;     ///< how often the challenge was sent
    std::uint32_t completions = 0; ///< how often its response was complete

    // What came from `who` since:
    std::uint32_t datagrams = 0; ///< how many
    std::vector<std::uint32_t>
        seen{}; ///< of each port of the response, the number of its latest one; 0: none
    std::vector<std::uint16_t> latest{}; ///< in strict mode: their ports, as many as the response has
};

/// The requests that were answered, and how far their responses are. Only who has a key, or repeats what he
/// had sent, makes one; there are so many at most, and the oldest makes room. One that is over is still
/// known, so that whoever repeats its request from elsewhere learns nothing.
class conversations {
public:
    static constexpr std::size_t most = 4096;
    /// A response is complete so often at most: once, and four times should burning it fail. More is a flood
    /// of repeats, and costs nothing.
    static constexpr std::uint32_t most_completions = 5;

    /// memory: of the packets of an address so many count (set mode). timeout: how long a response may take.
    conversations(std::uint32_t memory, nanoseconds timeout, const hash_seed& seed)
        : memory_(memory), timeout_(timeout), by_address_(16, address_hash{seed}) {}

    /// Others from now on.
    void set_bounds(std::uint32_t memory, nanoseconds timeout) {
        memory_ = memory;
        timeout_ = timeout;
    }

    conversation* find(const request_id& id);
    /// Begins one; there is none of its id.
    conversation& begin(conversation c);
    bool is_over(const conversation& c, instant now) const { return now - c.since > timeout_; }

    /// A datagram came from an address to a port of some key's pool. Calls done(conversation) for each
    /// response that it completes.
    template <class Done>
    void observe(const address& who, std::uint16_t port, instant now, Done done);

    std::size_t size() const { return all_.size(); }

private:
    struct address_hash {
        hash_seed seed;
        std::size_t operator()(const address& a) const {
            const auto [high, low] = words(a);
            return fold(fold(high ^ seed[0], seed[1] | 1) ^ low ^ seed[2], seed[3] | 1);
        }
    };

    bool completes(conversation& c, std::uint16_t port) const;

    std::uint32_t memory_;
    nanoseconds timeout_;
    std::vector<conversation> all_;
    std::size_t oldest_ = 0; ///< when all_ is full
    std::map<request_id, std::size_t> by_id_;
    std::unordered_multimap<address, std::size_t, address_hash> by_address_;
};

template <class Done>
void conversations::observe(const address& who, std::uint16_t port, instant now, Done done) {
    if (by_address_.empty()) return;
    const auto [begin, end] = by_address_.equal_range(who);
    for (auto it = begin; it != end;) {
        auto& c = all_[it->second];
        if (is_over(c, now) || c.completions == most_completions) {
            it = by_address_.erase(it);
            continue;
        }
        if (completes(c, port)) {
            ++c.completions;
            done(c);
        }
        ++it;
    }
}

} // namespace chronoknock::challenge
