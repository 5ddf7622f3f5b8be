#pragma once

#include "io/firewall/backend.hpp"

namespace chronoknock::io {

/// The backend `dry-run`: the log says what another one would do; nothing is done.
result<void> check_dry_run(const firewall::rules& r);
result<std::unique_ptr<firewall_backend>> open_dry_run(boost::asio::io_context& context);

} // namespace chronoknock::io
