#pragma once

#include "base/error.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <optional>

namespace chronoknock::io {

/// One server for each network namespace: two would undo each other's guard. An abstract Unix socket belongs
/// to the network namespace, whatever container or folder its holder lives in, and goes with him however he
/// ends.
class daemon_lock {
public:
    /// Takes it. The error says which process has it. A stranger without privilege who sits on the name does
    /// not keep us out: the log warns, and we go on without.
    static result<daemon_lock> take(boost::asio::io_context& context);

    /// Whose it is (unix(7), SO_PEERCRED), if a server has it: 0 for a process that our PID namespace does
    /// not show.
    static std::optional<int> holder();

private:
    class impl;
    explicit daemon_lock(std::shared_ptr<impl> i) : impl_(std::move(i)) {}
    std::shared_ptr<impl> impl_;
};

} // namespace chronoknock::io
