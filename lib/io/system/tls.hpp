#pragma once

#include <openssl/ssl.h>
#include <string>

namespace chronoknock::io {

/// The other end's certificate must be for host, be that a name or an address. Never for the name in its
/// subject, which RFC 9525, section 6.3 does not count. False if OpenSSL does not take the name.
bool expect_host(SSL* ssl, const std::string& host);

} // namespace chronoknock::io
