#pragma once

#include "config/server.hpp"
#include "grant/gate.hpp"
#include "grant/pipeline.hpp"
#include "io/capture/capture.hpp"
#include "io/control/control.hpp"
#include "io/control/status.hpp"
#include "io/firewall/backend.hpp"
#include "io/start_up.hpp"
#include "io/store/grant_store.hpp"
#include "io/system/daemon_lock.hpp"
#include "io/time/timesync.hpp"
#include "method/verifier_set.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::io {

/// The server: where the shells meet. What is captured goes to the verifiers, their claims to the pipeline,
/// and what that asks for to the store and then to the firewall. One io_context, one thread.
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
    void observe(const packet::event& e, instant now) override;
    void batch_end(instant now) override;

    void begin_start_up();
    result<void> set_up_guard();
    result<void> open_control();
    result<void> open_store();
    void keep_guard();
    void started();
    void end();

    void tick();
    void tick_after(nanoseconds wait);
    void say_each_minute(instant now);
    void carry_out(granting::actions todo);
    void apply(std::uint64_t knock, std::vector<firewall::change> changes);
    boost::json::object status();

    result<std::unique_ptr<capture>> start_capture(const config::server& c);
    std::unique_ptr<time_service> make_time(const config::server& c);
    std::unique_ptr<method::verifier_set> make_verifiers(config::server& c);

    boost::asio::io_context& context_;
    boost::asio::steady_timer timer_;
    start_up start_up_;
    std::unique_ptr<config::server> configuration_; ///< without secrets that the verifiers have taken
    std::optional<daemon_lock> lock_;
    std::unique_ptr<firewall_backend> firewall_;
    bool stopping_ = false;
    bool guard_kept_ = false; ///< for the next boot
    std::unique_ptr<grant_store> store_;
    std::optional<control> control_;
    std::unique_ptr<time_service> time_;
    std::unique_ptr<method::verifier_set> verifiers_;
    std::optional<granting::pipeline> pipeline_;
    granting::gate gate_;
    std::unique_ptr<capture> capture_;
    std::uint64_t untimely_ = 0; ///< SYNs that came while no knock counted
    instant started_;
    instant minute_; ///< when say_each_minute spoke last
    instant pruned_;
    std::uint64_t told_syns_ = 0; ///< SYNs of strangers that the log told of
};

} // namespace chronoknock::io
