#pragma once

#include "base/port_table.hpp"
#include "config/server.hpp"
#include "key/deriver.hpp"
#include "packet/event.hpp"

#include <bitset>
#include <cstdint>
#include <queue>
#include <span>
#include <string>
#include <vector>

namespace chronoknock::time_sequence {

/// What a sequence can be of: a key, and the one service it asks for or all that the key may open.
struct sequence_id {
    static constexpr std::uint32_t all_services = ~0u;

    std::uint32_t key;     ///< index into server::keys
    std::uint32_t service; ///< index into server::services, or all_services
    bool operator==(const sequence_id&) const = default;
};

/// How the sequences that are looked for travel, and what they are for.
struct sequence_kind {
    packet::kind packets;
    key::purpose purpose;
    const key::psk& (*psk_of)(const config::key_settings& k); ///< of a key of the method
};
/// That of this method: SYNs.
const sequence_kind& knocks();

/// How many different ports a sequence has, some of them being the same by chance.
struct distinct_ports {
    std::uint8_t least;   ///< fewer have a chance of less than 1e-18
    std::uint8_t usually; ///< fewer have a chance of less than 1 %
};
/// Of n ports, each drawn from so many.
distinct_ports distinct_of(std::uint32_t n, std::size_t ports);

/// The server's keys with their live windows. For hmac keys it holds the selector of each live sequence by
/// port, so that the few sequences a SYN can begin are found without hashing for each key.
class keyring {
public:
    /// timeout: how long a knock may have begun before it is complete (knock_settings::timeout).
    /// keys: those of this method, indices into server::keys.
    keyring(const config::server& server, std::span<const std::uint32_t> keys,
            const sequence_kind& kind = knocks());

    /// Brings the live windows up to t: those acceptable for a knock that began within the timeout before t,
    /// the error being max_error at most, and the next ones a little ahead. Derives for at most `lines`
    /// lines; false if some are left to do. After a step of t, either way, call it as always.
    bool advance(unix_time t, std::size_t sequences);

    /// A live window of an hmac key's line, in the list of those whose selector is one port.
    struct live {
        std::uint32_t sequence;
        std::uint32_t next; ///< the next one of the same port, or `none`
        std::int64_t t0;
        std::uint16_t port;
        distinct_ports distinct; ///< of its key
        std::uint32_t g;         ///< its key's granularity; 0: the key ignores the time
    };
    static constexpr std::uint32_t none = ~0u;
    std::uint32_t first_with_selector(std::uint16_t port) const { return by_port_[port]; }
    /// True if there is one. (8 KiB, where by_port_ has 256: it is asked for each SYN.)
    bool is_selector(std::uint16_t port) const { return selectors_[port]; }
    const live& at(std::uint32_t index) const { return nodes_[index]; }
    /// How many selectors that are acceptable now these ports of the pools have, on the average of all
    /// secrets.
    double expected_selectors(std::span<const std::uint16_t> ports) const;

    std::span<const std::uint32_t> plain_sequences() const { return plain_; }

    sequence_id id_of(std::uint32_t l) const { return sequences_[l].id; }
    const key::psk& psk(std::uint32_t l) const { return *held_[sequences_[l].held].psk; }
    config::matching mode(std::uint32_t l) const { return held_[sequences_[l].held].mode; }
    distinct_ports distinct(std::uint32_t l) const { return held_[sequences_[l].held].distinct; }
    /// The line's sequence for an address and a window; out: psk(l).length ports.
    void sequence(std::uint32_t l, const address& who, std::int64_t t0, std::span<std::uint16_t> out);

    /// True if some key's pool has the port.
    bool in_any_pool(std::uint16_t port) const { return pool_.contains(port); }
    /// Fewest SYNs of one address that are worth a look: those that complete some key's sequence.
    std::uint32_t least_syns() const { return least_syns_; }
    std::size_t live_count() const { return nodes_.size() - free_.size(); }

private:
    struct held_key {
        const key::psk* psk; ///< of the configuration; its secret may be wiped
        config::matching mode;
        key::deriver deriver;
        distinct_ports distinct;
    };
    struct state {
        sequence_id id;
        std::uint32_t held;     ///< its key: index into held_
        std::int64_t first = 0; ///< live windows; none if last < first
        std::int64_t last = -1;
        std::vector<std::uint32_t> nodes; ///< of hmac keys: one for each of them, in order
    };
    struct due {
        unix_time when;
        std::uint32_t sequence;
        bool operator>(const due& o) const { return when > o.when; }
    };

    unix_time renew(std::uint32_t l, unix_time t);
    std::uint32_t add(std::uint32_t l, std::int64_t t0);
    void remove(std::uint32_t node);
    std::string_view service_name(sequence_id id) const;

    const config::server& server_;
    std::vector<held_key> held_;
    std::vector<state> sequences_;
    std::vector<std::uint32_t> plain_;
    std::vector<live> nodes_;
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> by_port_;
    std::bitset<65536> selectors_; ///< ports that by_port_ has one for
    port_table pool_;
    std::vector<float> expected_; ///< of each port
    bool one_pool_ = true;        ///< of all keys
    std::uint32_t least_syns_ = ~0u;
    std::priority_queue<due, std::vector<due>, std::greater<>> schedule_;
    unix_time latest_{}; ///< t at its most since it was stepped back
};

} // namespace chronoknock::time_sequence
