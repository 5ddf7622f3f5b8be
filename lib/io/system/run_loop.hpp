#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

namespace chronoknock::io {

/// Runs a loop until it is stopped or has no more to do. A handler that throws does not end it: `tell` gets a
/// line, at once for the first, and then one a minute at most.
void run_loop(boost::asio::io_context& context, const std::function<void(const std::string&)>& tell);

} // namespace chronoknock::io
