#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/service.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::fwknop {

/// What a packet says when it is decrypted: a request for access, fwknop's message types 1 and, with a
/// duration, 3 (chronoknock-protocol(7), METHODS).
struct message {
    std::string random; ///< 16 digits: no two packets are the same
    std::string user;
    std::int64_t time = 0; ///< the client's clock, seconds since the epoch
    address who;           ///< whom to open for; 0.0.0.0: the packet's source
    std::vector<endpoint_range> ports;
    std::optional<seconds> open_for;
    bool operator==(const message&) const = default;
};

/// The text of a message, its digest (SHA-256) included.
std::string to_text(const message& m);

/// The fields of a text before its digest; none if the digest does not fit: the text was not decrypted with
/// its key, or is none of fwknop's. The fields are within the text.
std::optional<std::vector<std::string_view>> read_fields(std::string_view text);

/// Why a message is refused, and the time it says, if that can be told.
struct refusal {
    std::string why;
    std::optional<std::int64_t> time;
};
/// A message, or why it is refused.
struct reading {
    std::optional<message> accepted;
    refusal refused;
};
reading read_message(const std::vector<std::string_view>& fields);

} // namespace chronoknock::fwknop
