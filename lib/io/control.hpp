#pragma once

#include "base/error.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

namespace chronoknock::io {

/// The daemon's end of the control socket: whoever may connect (its owner) is told the status and let go.
class control {
public:
    /// Listens. An error if it cannot, or if another daemon answers there. status: makes the text to give.
    static result<control> open(boost::asio::io_context& context, const std::string& path,
                                std::function<std::string()> status);
    control(control&&) noexcept;
    control& operator=(control&&) noexcept;
    /// Takes the socket away.
    ~control();

private:
    class impl;
    explicit control(std::shared_ptr<impl> i);
    std::shared_ptr<impl> impl_;
};

/// Asks the daemon behind a control socket for its status; blocks for two seconds at most.
result<std::string> ask_status(const std::string& path);

} // namespace chronoknock::io
