#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "config/metrics.hpp"
#include "report/metrics.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

namespace chronoknock::io {

/// Gives the metrics' text, in the loop's thread.
using metrics_source = std::function<std::shared_ptr<const std::string>(report::exposition)>;

/// Answers GET /metrics by HTTP/1.1, one request a connection. A request's head must come whole within
/// `patience` and be of few kilobytes; the answer must be read within ten times that. Of more connections
/// than some the oldest goes: who hangs does not keep out who asks.
class metrics_listener {
public:
    /// Listens. An error if it cannot.
    static result<metrics_listener> open(boost::asio::io_context& context, const config::metrics_place& where,
                                         metrics_source source, milliseconds patience = seconds(2));
    metrics_listener(metrics_listener&&) noexcept;
    metrics_listener& operator=(metrics_listener&&) noexcept;
    /// Ends all connections, and takes the socket away.
    ~metrics_listener();

private:
    class impl;
    explicit metrics_listener(std::shared_ptr<impl> i);
    std::shared_ptr<impl> impl_;
};

} // namespace chronoknock::io
