#pragma once

#include "config/server.hpp"
#include "grant/outage.hpp"
#include "io/answer/answerer.hpp"
#include "io/capture/capture.hpp"
#include "io/confinement.hpp"
#include "io/control/control.hpp"
#include "io/control/status.hpp"
#include "io/firewall/backend.hpp"
#include "io/granter.hpp"
#include "io/helper/helper_process.hpp"
#include "io/metrics/exporter.hpp"
#include "io/notify/notices.hpp"
#include "io/start_up.hpp"
#include "io/successor.hpp"
#include "io/system/beside.hpp"
#include "io/system/daemon_lock.hpp"
#include "io/time/timesync.hpp"
#include "method/verifier_set.hpp"
#include "supervisor/supervisor.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::io {

/// The server: the shell of the supervisor, where the other shells meet. What is captured goes to the
/// verifiers, their claims to the granter. One io_context, one thread; a configuration is read beside it.
class runtime {
public:
    /// What has changed, in lines for people (config::differences()).
    using changes = boost::system::result<std::vector<std::string>, refusal>;
    using completion = std::function<void(const changes&)>;

    runtime(boost::asio::io_context& context, config::server configuration);

    /// The guard first; then the rest, and what of it fails is tried again until it succeeds, with the guard
    /// up and no knock taken. An error, and nothing is changed: another server runs here, or there is no
    /// setting up a firewall.
    result<void> start();
    /// What the server has no right to do itself its helper does; with its end the server ends: ended() is
    /// called then. Before start().
    void helped_by(std::shared_ptr<const helper_process> h, std::function<void()> ended);
    /// Gives up privileges by the configuration, once the lock and the control socket are had: the guard, the
    /// record and the capture are made with what is left. Before start().
    using confiner = std::function<result<confinement>(const config::server&, bool has_control)>;
    void confined_by(confiner c) { confiner_ = std::move(c); }
    /// How the configuration is read again. Before start().
    void reads_by(config_reader reader) { reader_ = std::move(reader); }
    /// The guard goes after so long, by itself, and the server with it, unless somebody confirms it through
    /// the control socket: nobody is locked out for ever. The kernel sees to that, should we be killed.
    /// Before start(). over: called then, once the guard is gone.
    void on_trial(nanoseconds lasts, std::function<void()> over);
    /// Goes over to the configuration that the reader gives, while the old one is served: what is remembered
    /// of addresses stays, unless the settings for that have changed. If it cannot, the error says why and
    /// all stays as it was. Asked again meanwhile, the latest reader counts, and all who asked are told how
    /// that ended.
    /// may_lose_keys: the configuration may be without a key, though there are some now.
    void reload(completion done, bool may_lose_keys = false);
    /// A clean stop: the guard stays or goes as on_stop says. `stopped` may be called before this returns.
    void stop(std::function<void()> stopped);

private:
    /// A capture; what it sees counts from when it is heard.
    struct listener final : capture_handler {
        explicit listener(runtime& r) : server(r) {}
        void observe(const packet::event& e, instant now) override {
            if (heard) server.observe(e, now);
        }
        void batch_end(instant now) override {
            if (heard) server.batch_end(now);
        }
        runtime& server;
        bool heard = false;
        std::unique_ptr<io::capture> capture;
    };
    /// What takes over at the end of a reload.
    struct next_one : successor {
        std::unique_ptr<listener> captured; ///< none: the capture stays
        std::unique_ptr<time_service> time; ///< none: so does the time
    };

    // What the supervisor says.
    void carry_out(const supervisor::actions& actions);
    void set_up();
    void serve();
    void read();
    void adopt();
    void warm();
    void prepare();
    void take_over();
    void drop();
    void tell(const changes& reloaded);
    void be_quiet();
    void withdraw();
    void close();

    result<void> set_up_guard();
    result<void> bind_control();
    result<void> open_control();
    bool makes_guard() const;
    void drop_own_guard();
    void keep_guard();
    firewall_programs programs() const;
    void warn_of_no_key() const;
    void populate();
    void was_kept(const result<void>& kept);
    result<void> fits(const config::server& next) const;
    result<void> fits_fleet(const config::fleet_settings& next) const;
    resolver names() const;
    void go_over();
    result<std::unique_ptr<listener>> start_capture(const config::server& c);
    std::unique_ptr<time_service> make_time(const config::server& c);
    record_view record();

    void observe(const packet::event& e, instant now);
    void batch_end(instant now);
    void tick();
    void tick_after(nanoseconds wait);
    void report_each_minute(instant now);
    std::string why_no_knock();
    unix_time clock();
    void keep_period(instant now);
    firewall::rules rules_of(const config::server& c) const;

    // What the control socket is asked.
    operations control_operations();
    snapshot take_snapshot();
    boost::json::object status();
    void grants(const reply& r);
    void history(const boost::json::object& arguments, const reply& r);
    void revoke(const boost::json::object& arguments, const reply& r);
    void confirm(const reply& r);
    void fleet(const reply& r);

    boost::asio::io_context& context_;
    std::shared_ptr<const helper_process> helper_;
    boost::asio::posix::stream_descriptor helper_ended_;
    boost::asio::steady_timer timer_;
    supervisor supervisor_;
    start_up start_up_;
    std::unique_ptr<config::server> configuration_; ///< without secrets that the verifiers have taken
    std::optional<daemon_lock> lock_;
    std::unique_ptr<firewall_backend> firewall_;
    granter granter_;
    std::optional<control> control_;
    std::unique_ptr<time_service> time_;
    std::unique_ptr<method::verifier_set> verifiers_;
    std::unique_ptr<listener> listener_;
    answerer answerer_;
    notices notices_;
    std::optional<next_one> next_;
    config_reader reader_;
    confiner confiner_;
    std::optional<confinement> confined_;
    std::vector<completion> asked_;    ///< for a reload
    bool may_lose_keys_ = false;       ///< so one of them said
    std::vector<std::string> changes_; ///< that were taken over since the first of them asked
    bool unreadable_ = false;          ///< the configuration that was read last
    boost::asio::steady_timer trial_;
    std::optional<instant> trial_end_;
    bool guarded_before_trial_ = false;
    std::function<void()> trial_over_;
    granting::outage outage_;
    std::function<void()> stopped_;
    bool guard_kept_ = false;           ///< for the next boot
    std::uint64_t untimely_ = 0;        ///< SYNs that came while no knock counted
    std::uint64_t untimely_before_ = 0; ///< as many of them at the last tick
    instant tick_due_{};
    instant started_;
    instant minute_; ///< when report_each_minute spoke last
    instant pruned_;
    std::uint64_t told_syns_ = 0; ///< SYNs of strangers that the log told of
    report::sampler sampler_;
    exporter exporter_;
    beside beside_; ///< ends first: its work refers to the others
};

} // namespace chronoknock::io
