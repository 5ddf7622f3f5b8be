#pragma once

#include "base/error.hpp"
#include "key/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::config {

/// All that a client needs to knock on a server's door: what `invite` hands over and `profile add` takes
/// (chronoknock-client.ini(5), INVITATIONS). It holds the key's secret.
struct invitation {
    std::string name;                  ///< of the key, at the server
    std::string host;                  ///< of the server
    std::vector<std::string> services; ///< what the key opens there, by their names
    std::string service;               ///< field `service` of a profile; empty: left out
    std::string time_servers;          ///< field `time_servers` of a profile; empty: left out
    std::uint16_t wait = 0;            ///< field `wait` of a profile; 0: left out
    key::secret_text key;              ///< the text of the client's key file

    bool operator==(const invitation&) const = default;
};

/// Longest line that is read as an invitation, in bytes.
inline constexpr std::size_t most_invitation = 1 << 20;

/// "chronoknock://1/" and digits of base64 as RFC 4648, section 5, has them for URLs, without '='. They are the
/// fields, each with its length before it (16 bits, the key's 32), and the first 8 bytes of SHA-256 over the fields.
key::secret_text to_uri(const invitation& i);

/// Reads what to_uri() made, blanks around it aside. Every field is fit for a profile; what the key's text is worth is
/// not looked at. The error is one line and quotes nothing, for it may be a secret; a line that was cut short or
/// changed says so.
result<invitation> parse_uri(std::string_view text);

} // namespace chronoknock::config
