#pragma once

#include "config/server.hpp"
#include "grant/noise.hpp"
#include "grant/replay_guard.hpp"
#include "io/capture/capture.hpp"
#include "io/control/control.hpp"
#include "io/control/status.hpp"
#include "io/firewall/backend.hpp"
#include "io/start_up.hpp"
#include "io/store/store.hpp"
#include "io/system/daemon_lock.hpp"
#include "io/time/timesync.hpp"
#include "method/time_sequence/matcher.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::io {

/// The server: where the shells meet. Captured SYNs go to the matcher, complete knocks to the replay guard,
/// what it accepts to the store and then to the firewall. One io_context, one thread.
class runtime final : capture_handler {
public:
    runtime(boost::asio::io_context& context, config::server configuration);

    /// The guard first; then the rest, and what of it fails is tried again until it succeeds, with the guard
    /// up and no knock taken. An error, and nothing is changed: another server runs here, or there is no
    /// setting up a firewall.
    result<void> start();
    /// Goes over to another configuration; if it cannot, the error says why and all stays as it was.
    result<void> reload(config::server configuration);
    /// A clean stop: the guard stays or goes as on_stop says. `stopped` may be called before this returns.
    void stop(std::function<void()> stopped);

private:
    void syn(const packet::syn& s, instant now) override;
    void batch_end(instant now) override;

    void begin_start_up();
    result<void> set_up_guard();
    result<void> open_control();
    result<void> open_store();
    void keep_guard();
    void started();
    void end();

    void tick();
    /// Sets the floor of windows where there is none, or it was set by a clock that was ahead; false if it
    /// cannot be written down.
    bool keep_floor(const time_estimate& t);
    void say_each_minute(instant now);
    void judge(const time_sequence::match& m, instant now, const time_estimate& t);
    void grant(const time_sequence::match& m, granting::burnt burn, instant now);
    void carry_out();
    std::string status();

    result<std::unique_ptr<capture>> start_capture(const config::server& c);
    std::unique_ptr<time_service> make_time(const config::server& c);
    std::unique_ptr<time_sequence::matcher> make_matcher(config::server& c);

    /// An accepted knock on its way to the store and the firewall.
    struct accepted {
        granting::burnt burn;
        std::vector<firewall::change> grants;
        std::string key;  ///< its name
        std::string what; ///< for the log
        instant seen;
    };
    void opened(const accepted& a, const result<void>& done);

    boost::asio::io_context& context_;
    boost::asio::steady_timer timer_;
    start_up start_up_;
    std::unique_ptr<config::server> configuration_; ///< without secrets once there is a matcher
    std::vector<std::string> fingerprints_;         ///< of its keys
    std::optional<daemon_lock> lock_;
    std::unique_ptr<firewall_backend> firewall_;
    bool guard_kept_ = false; ///< for the next boot
    std::optional<store> store_;
    std::optional<control> control_;
    std::unique_ptr<time_service> time_;
    std::unique_ptr<time_sequence::matcher> matcher_;
    std::optional<granting::replay_guard> guard_;
    std::unique_ptr<capture> capture_;
    granting::noise noise_{20};
    granting::tally told_knocks_{60}; ///< of each key
    std::vector<accepted> accepted_;
    bool accepting_ = false;
    bool provisional_floor_ = false; ///< the guard has one by a clock that is not to be relied on
    std::string told_error_;
    knock_counters counters_;
    instant started_;
    instant minute_; ///< when say_each_minute spoke last
    instant pruned_;
    std::uint64_t told_syns_ = 0; ///< SYNs of strangers that the log told of
};

} // namespace chronoknock::io
