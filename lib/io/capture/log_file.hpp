#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "packet/event.hpp"
#include "packet/log_line.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace chronoknock::io {

/// Follows a firewall's log file and reads what its new lines tell of connection attempts
/// (chronoknock-protocol(7), THE LOG AS A SOURCE). Rotation, truncation and a file that comes late are
/// log_follower's to decide. It needs no privilege but to read the file.
class log_file {
public:
    struct counters {
        std::uint64_t matched = 0;     ///< lines that told of a SYN or a datagram
        std::uint64_t passed_over = 0; ///< all other lines
    };
    struct sink {
        /// `now`: the moment in which the batch of lines was read.
        std::function<void(const packet::event& e, instant now)> observe;
        std::function<void(instant now)> batch_end;
    };

    log_file(boost::asio::io_context& context, std::string path,
             std::shared_ptr<const packet::log_format> format, sink to);
    log_file(const log_file&) = delete;
    log_file& operator=(const log_file&) = delete;
    ~log_file();

    /// Begins. A file that is missing is waited for; an error if it is there and cannot be read.
    result<void> start();
    void stop();
    counters count() const;

private:
    class impl;
    std::shared_ptr<impl> impl_;
};

} // namespace chronoknock::io
