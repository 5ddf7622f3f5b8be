#pragma once

#include "config/server.hpp"
#include "io/time/lookup.hpp"
#include "timesync/synchroniser.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace chronoknock::io {

/// Keeps the time by asking servers; the shell of timesync::synchroniser.
class time_service {
public:
    /// How it is used.
    enum class role {
        daemon, ///< for as long as the program runs; says what happens in the log
        once    ///< for a command: asks at once and often, and leaves the talking to the caller
    };

    /// names: who looks them up. A ca_text without a certificate: throws std::runtime_error with the one
    /// line for people. Must end before the context does.
    time_service(boost::asio::io_context& context, const config::time_settings& settings,
                 role r = role::daemon, resolver names = addresses_of);
    ~time_service();
    time_service(const time_service&) = delete;
    time_service& operator=(const time_service&) = delete;

    /// Begins to ask. Without servers the system clock is trusted, and the log says so.
    void start();

    /// The time at a moment, also of the near past; nothing while not synchronised (require). The system
    /// clock, as far as timesync::trust_system_clock() goes, if there are no servers, or require is off and
    /// they do not tell.
    std::optional<time_estimate> now(instant at) const;
    timesync::report report();
    /// A knock came, or what may be one; the servers are asked if there is no time to judge it by.
    void knocked();
    /// No moment before this one can be now: certificates are not judged by an earlier one.
    void not_before(unix_time t);
    /// Each server has answered, or is not likely to: who asks once need not wait longer.
    bool settled() const;
    /// Called after whatever may have changed the above.
    void on_update(std::function<void()> f);

private:
    class core;
    std::shared_ptr<core> core_;
};

/// A time and the moment it holds for.
struct time_fix {
    time_estimate time;
    instant at;
};

struct query_options {
    std::string ca_file;      ///< for nts://; empty: the system's authorities
    bool require_nts = false; ///< only authenticated servers count
    nanoseconds patience = seconds(5);
    std::stop_token stop = {}; ///< ends the query from another thread
};

/// Asks all servers at once and blocks until enough of them agree, and a moment longer for the others, who
/// may object; at most for `patience`. The error says of each server why it did not help.
result<time_fix> query_time(const std::vector<config::time_server>& servers, const query_options& options);

} // namespace chronoknock::io
