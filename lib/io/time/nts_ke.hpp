#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "config/server.hpp"
#include "timesync/certificate_time.hpp"
#include "timesync/nts.hpp"
#include "timesync/settings.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::io {

class lookup;

/// What NTS key establishment (RFC 8915, section 4) brought.
struct nts_association {
    timesync::nts_session session;
    std::vector<timesync::endpoint> servers; ///< to ask for the time
};

/// The text of a PEM file of authorities; one that cannot be read is an error.
result<std::string> read_authorities(const std::string& ca_file);
/// Puts that text into the settings that name such a file. read: read_authorities(), or what has done so.
result<void> add_authorities(config::time_settings& settings,
                             const std::function<result<std::string>(const std::string&)>& read);

/// The TLS 1.3 client that trusts the authorities in the text of a PEM file; no file: those of the system.
/// The only error is a text that has none. Opens no file.
result<boost::asio::ssl::context> nts_context(const std::string& ca_file, std::string_view ca_text);

/// Asks the host for keys and cookies, one address after the other, and finds where it wants its NTP asked.
/// The certificate has to be for `host`, by its subject alternative names alone (RFC 9525), and valid at
/// `at`; without that its dates are not looked at. Bounded in time and size; names and context must outlive
/// it.
boost::asio::awaitable<result<nts_association>> establish_nts(lookup& names,
                                                              boost::asio::ssl::context& context,
                                                              std::string host, std::uint16_t port,
                                                              std::optional<timesync::judging_time> at);

} // namespace chronoknock::io
