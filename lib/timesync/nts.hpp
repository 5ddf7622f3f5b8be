#pragma once

#include "key/siv.hpp"
#include "timesync/ntp_packet.hpp"
#include "timesync/nts_ke.hpp"

/// NTP packets under NTS: extension fields (RFC 7822), requests and answers (RFC 8915, section 5).
namespace chronoknock::timesync {

using key::siv;

/// An extension field in the bytes of a packet.
struct extension_field {
    std::uint16_t type = 0;
    byte_view body;        ///< padding included, which only the type can tell
    std::size_t start = 0; ///< where its head begins in what was parsed
};

/// The fields that bytes (a packet after its header, or what was decrypted) consist of. Each has at least 16
/// bytes, in whole words; else an error. A legacy MAC is not understood.
result<std::vector<extension_field>> parse_extension_fields(byte_view bytes);

/// Appends a field, padded with zeros to whole words and 16 bytes. body: at most 65,000 bytes.
void append_extension_field(std::vector<std::uint8_t>& packet, std::uint16_t type, byte_view body);

/// What key establishment agreed on, and the cookies not yet spent.
struct nts_session {
    siv client_to_server;
    siv server_to_client;
    std::vector<nts_cookie> cookies;
};

using nts_unique_id = std::array<std::uint8_t, 32>;

/// Fresh random bytes for one request.
struct nts_random {
    nts_unique_id unique_id;
    std::array<std::uint8_t, 16> nonce;
};

/// Makes a request of an NTP header: unique identifier, a cookie taken from the session, placeholders for as
/// many more as it lacks (fewer if the packet would have to be fragmented), authenticator. An error without
/// cookies: establish keys anew.
result<std::vector<std::uint8_t>> nts_protect(std::span<const std::uint8_t, ntp_header_size> header,
                                              nts_session& session, const nts_random& random);

enum class nts_verdict {
    authentic, ///< the header is what the server sent; its cookies are in the session
    nak,       ///< the server does not know the cookie, or someone on the path says so: nothing is proven
};

/// Checks an answer to the request that carried id. Anything unasked for or unproven: an error.
result<nts_verdict> nts_check(byte_view packet, const nts_unique_id& id, nts_session& session);

} // namespace chronoknock::timesync
