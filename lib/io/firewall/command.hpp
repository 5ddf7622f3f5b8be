#pragma once

#include "io/firewall/backend.hpp"

namespace chronoknock::io {

/// The backend `command`: programs of the operator's open and close, whatever it is that they open.
/// firewall::command_book says which is run when; the helper runs them, never by a shell, and they are killed
/// after [firewall] time_limit. What an earlier process left open is known by the record of grants, and
/// closed in time.
///
/// To end connections is to end those of this host's sockets.
result<void> check_command(const firewall::rules& r);
result<std::unique_ptr<firewall_backend>> open_command(boost::asio::io_context& context,
                                                       const firewall_programs& programs);

} // namespace chronoknock::io
