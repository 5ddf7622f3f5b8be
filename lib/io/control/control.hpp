#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "io/control/protocol.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace chronoknock::io {

/// Takes the answer of an operation, in the loop's thread, at once or later; one that is never called lets
/// the client go without.
using reply = std::function<void(const answer&)>;
/// What a request's operation does with its arguments. One that throws has failed.
using operation = std::function<void(const boost::json::object& arguments, reply)>;
using operations = std::map<std::string, operation, std::less<>>;

/// The daemon's end of the control socket (protocol.hpp): whoever may connect (its owner) is answered one
/// request and let go, a few at a time. A request must come whole within `patience`; an answer is written for
/// as long as some of it is read within each.
class control {
public:
    /// Listens. An error if it cannot, or if another daemon answers there.
    static result<control> open(boost::asio::io_context& context, const std::string& path, operations table,
                                milliseconds patience = seconds(2));
    control(control&&) noexcept;
    control& operator=(control&&) noexcept;
    /// Takes the socket away.
    ~control();

private:
    class impl;
    explicit control(std::shared_ptr<impl> i);
    std::shared_ptr<impl> impl_;
};

} // namespace chronoknock::io
