#pragma once

#include "base/address.hpp"
#include "key/psk.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace chronoknock::key {

/// What a sequence is for: the words of its labels (chronoknock-protocol(7), DERIVATION and METHODS).
struct purpose {
    std::string_view selector = "selector";
    std::string_view rest = "sequence";
};

/// The ports of words, which stand at `words`, two bytes each, most significant first.
void to_ports(const port_set& pool, const std::uint8_t* words, std::span<std::uint16_t> out);

/// Turns a key into knock sequences (chronoknock-protocol(7), DERIVATION). Holds OpenSSL contexts keyed once
/// and reused, for a plain digest a copy of the secret; not for two threads at a time.
class deriver {
public:
    explicit deriver(const psk& k, const purpose& p = {});
    deriver(deriver&&) noexcept;
    deriver& operator=(deriver&&) noexcept;
    ~deriver();

    /// The sequence of `who` for the window that begins at t0 (seconds since the epoch), for one service or,
    /// with an empty name, for all that the key may open. out: psk.length ports.
    void sequence(const address& who, std::int64_t t0, std::string_view service,
                  std::span<std::uint16_t> out);

    /// Its first port, the same for every address. Only for hmac keys.
    std::uint16_t selector(std::int64_t t0, std::string_view service);
    /// The others: psk.length - 1 ports. Only for hmac keys.
    void tail(const address& who, std::int64_t t0, std::string_view service, std::span<std::uint16_t> out);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// The window that t (seconds since the epoch) falls in: t - t mod g.
constexpr std::int64_t window_of(std::int64_t t, std::int64_t g) { return t - (t % g + g) % g; }

} // namespace chronoknock::key
