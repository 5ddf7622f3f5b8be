#pragma once

#include "base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// The messages of NTS key establishment (RFC 8915, section 4) as values and bytes.
namespace chronoknock::timesync {

using nts_cookie = std::vector<std::uint8_t>;

/// What a client keeps of them (RFC 8915, section 5.7); further cookies of a server are dropped.
inline constexpr std::size_t nts_cookies_kept = 8;
/// The largest cookie taken; a server's usual ones have about 100 bytes.
inline constexpr std::size_t nts_cookie_limit = 512;
/// The largest answer of a key establishment server taken: eight of the largest cookies and some room.
inline constexpr std::size_t nts_ke_limit = 8192;

/// The agreement on NTPv4 and AEAD_AES_SIV_CMAC_256 that a server made.
struct nts_ke_answer {
    std::string host; ///< to be asked for the time; empty: the key establishment server itself
    std::uint16_t port = 123;
    std::vector<nts_cookie> cookies; ///< 1 to nts_cookies_kept
};

/// The client's request: NTPv4 by AEAD_AES_SIV_CMAC_256.
std::vector<std::uint8_t> encode_nts_ke_request();

/// How long the message at the start of received is, once its End of Message record is there; nothing before.
std::optional<std::size_t> nts_ke_message_size(std::span<const std::uint8_t> received);

/// Reads the server's message, which must be whole. Error, Warning and unknown critical records, another
/// protocol or AEAD than asked for, no usable cookie: an error that says so.
result<nts_ke_answer> parse_nts_ke_answer(std::span<const std::uint8_t> message);

/// The context of the TLS exporter (RFC 8915, section 5.1) for the key from client to server, or back.
std::vector<std::uint8_t> nts_exporter_context(bool client_to_server);
inline constexpr char nts_exporter_label[] = "EXPORTER-network-time-security";

} // namespace chronoknock::timesync
