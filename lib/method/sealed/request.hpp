#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/reader.hpp"
#include "key/expander.hpp"
#include "key/psk.hpp"
#include "key/siv.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chronoknock::sealed {

inline constexpr std::size_t request_size = 37;
inline constexpr std::size_t tag_size = 4;
inline constexpr std::size_t message_size = tag_size + key::siv::tag_size + request_size;
inline constexpr std::size_t nonce_size = 4;

/// tag || SIV || the request, encrypted: what a knock carries.
using message = std::array<std::uint8_t, message_size>;

/// The name of a service in 4 bytes: the first of its SHA-256; zero: all that the key may open.
using service_mark = std::array<std::uint8_t, 4>;
service_mark mark_of(std::string_view service);

/// What a knock asks for (chronoknock-protocol(7), METHODS).
struct request {
    bool close = false;
    std::optional<address> who = {}; ///< none: whom the packet came from
    std::int64_t time = 0;           ///< seconds since the epoch
    std::uint32_t open_for = 0;      ///< seconds; 0: as the service says
    std::array<std::uint8_t, nonce_size> nonce{};
    service_mark service{};
    bool operator==(const request&) const = default;
};

std::array<std::uint8_t, request_size> encode(const request& r);
/// Nothing if these bytes are none: another length, an action that is not known, a time before 1970.
std::optional<request> decode(byte_view bytes);

/// The tag of a message as a number.
std::uint32_t tag_of(const message& m);
/// What every copy of a message has, and no other one of its key.
byte_view siv_of(const message& m);

/// Seals and opens the messages of one key. It keeps what it derived of the secret, and no copy of that. Not
/// for two threads at a time.
class sealer {
public:
    explicit sealer(const key::psk& k);

    /// The tag of the window that begins at t0 (seconds since the epoch).
    std::uint32_t tag(std::int64_t t0);
    result<message> seal(const request& r);
    /// Nothing if the message was not sealed with this key.
    std::optional<request> open(const message& m) const;

private:
    static key::siv make_siv(const key::psk& k, key::expander& e);

    std::string realm_;
    std::int64_t granularity_;
    key::expander expander_;
    key::label label_;
    key::siv siv_;
};

/// A message as a name of the DNS: base32hex in labels of 63 and 29, before the zone.
std::string to_name(const message& m, std::string_view zone);
/// Characters that it has before the zone, dots included.
inline constexpr std::size_t name_room = 92 + 2;

struct named {
    message m;
    std::string_view zone;
};
/// What a name (in lower case, as packet::dns_question() gives it) says, in whatever labels: the message, and
/// the zone behind it, which is a part of `name`.
std::optional<named> from_name(std::string_view name);

} // namespace chronoknock::sealed
