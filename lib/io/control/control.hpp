#pragma once

#include "base/error.hpp"
#include "base/time.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

namespace chronoknock::io {

/// The daemon's end of the control socket: whoever may connect (its owner) is told the status and let go, a
/// few at a time, each for as long as he goes on reading.
class control {
public:
    /// Listens. An error if it cannot, or if another daemon answers there. status: makes the text to give,
    /// which ends with its only newline. patience: for one who reads nothing.
    static result<control> open(boost::asio::io_context& context, const std::string& path,
                                std::function<std::string()> status, milliseconds patience = seconds(2));
    control(control&&) noexcept;
    control& operator=(control&&) noexcept;
    /// Takes the socket away.
    ~control();

private:
    class impl;
    explicit control(std::shared_ptr<impl> i);
    std::shared_ptr<impl> impl_;
};

/// Asks the daemon behind a control socket for its status. An error if that does not come, whole; blocks for
/// as long as some of it comes every five seconds.
result<std::string> ask_status(const std::string& path);

} // namespace chronoknock::io
