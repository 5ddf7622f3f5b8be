#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/reader.hpp"
#include "key/deriver.hpp"
#include "key/expander.hpp"
#include "key/psk.hpp"
#include "key/siv.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace chronoknock::challenge {

/// What the labels of a request's ports say.
inline constexpr key::purpose request{"request selector", "request"};

using nonce_bytes = std::array<std::uint8_t, 16>;

/// What the server says in answer to a request: a number used once, and whom it sees.
struct message {
    nonce_bytes nonce{};
    address source;
    std::uint16_t port = 0;
    bool operator==(const message&) const = default;
};

/// Seals and opens challenges of a key, and turns them into responses (chronoknock-protocol(7), METHODS).
/// Needs the secret only while it is made. Not for two threads at a time.
class sealer {
public:
    explicit sealer(const key::psk& k);

    /// t0: the request's window, seconds since the epoch. An error only if OpenSSL fails.
    result<std::vector<std::uint8_t>> seal(std::int64_t t0, const message& m) const;
    /// An error if it was not sealed with this key for this window.
    result<message> open(std::int64_t t0, byte_view sealed) const;
    /// The ports of the response for a service, or with an empty name for all: as many as the request has.
    std::vector<std::uint16_t> response(const nonce_bytes& nonce, const address& source,
                                        std::string_view service);

private:
    std::string realm_;
    port_set ports_;
    std::size_t length_;
    key::expander expand_;
    key::label label_;
    key::siv siv_;
};

} // namespace chronoknock::challenge
