#pragma once

#include "base/error.hpp"
#include "config/fleet.hpp"

#include <boost/asio/ssl/context.hpp>
#include <memory>

namespace chronoknock::io {

/// What TLS to the cluster goes by; the error names the field of [fleet].
result<std::shared_ptr<boost::asio::ssl::context>> fleet_context(const config::fleet_settings& f);

} // namespace chronoknock::io
