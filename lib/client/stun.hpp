#pragma once

#include "base/address.hpp"
#include "base/error.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// What a client needs of STUN (RFC 8489): to ask a server which address its packets come from.
namespace chronoknock::client {

inline constexpr std::size_t stun_header_size = 20;

/// 96 bits that nobody off the path can guess: they are all that ties an answer to a request.
using stun_transaction = std::array<std::uint8_t, 12>;

/// A Binding request without attributes (RFC 8489, section 5).
std::array<std::uint8_t, stun_header_size> stun_request(const stun_transaction& id);

/// What a datagram says, if it answers the request of that transaction; nothing, if it does not, or is
/// damaged (its FINGERPRINT is wrong), and so is to be passed over. The error says why an answer gives no
/// address: the server refused, it has an attribute that must be understood and is not, or no address that a
/// knock can come from. XOR-MAPPED-ADDRESS counts before MAPPED-ADDRESS, the only one that servers of RFC
/// 3489 know.
std::optional<result<address>> read_stun_answer(std::span<const std::uint8_t> datagram,
                                                const stun_transaction& id);

/// What came of asking one server.
struct stun_answer {
    std::string server; ///< its name, for messages
    result<address> mapped;
    std::optional<address> asked = {}; ///< where it was asked; none: its name has no address
};

/// What servers say as one.
struct stun_agreement {
    address mapped;
    std::size_t witnesses = 1; ///< how many addresses said so: two names of one host are one
};

/// The address that all servers agree on. The error names each server that did not answer, or what each said
/// when they disagree: whoever can make a client knock for another address opens the door to that.
result<stun_agreement> agreed_address(std::span<const stun_answer> answers);

/// How many hosts have a say, by their names: two ports of one are one, and so are two spellings of a name
/// (case, a dot at its end) or of an address.
std::size_t witnesses(std::span<const std::string> hosts);

/// Whether so many may say for which address a knock is made. Of most methods a knock for another address
/// than its packets come from opens nothing, and one server will do. Where a knock names whom it opens for, a
/// server whose key has for_others opens to that address, so that one who lies lets himself in: there two
/// hosts must agree, by their names and by the addresses that answered. (What the server's key has the client
/// cannot know.)
result<void> enough_witnesses(std::size_t witnesses, bool knock_names_address);

} // namespace chronoknock::client
