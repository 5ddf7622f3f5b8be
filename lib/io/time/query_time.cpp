#include "io/system/clock.hpp"
#include "io/time/nts_ke.hpp"
#include "io/time/timesync.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <stdexcept>

namespace chronoknock::io {

namespace {

namespace asio = boost::asio;

/// How long a query waits for the objections of slower servers.
constexpr nanoseconds objection_time = milliseconds(300);

/// Of each server why it did not help.
std::string complaints(const timesync::report& r) {
    std::string text;
    for (const auto& s : r.servers) {
        const auto* const otherwise = s.sampled ? "no agreement with others" : "no answer";
        text += (text.empty() ? "" : "; ") + s.name + ": " + (s.problem.empty() ? otherwise : s.problem);
    }
    return text;
}

} // namespace

result<time_fix> query_time(const std::vector<config::time_server>& servers, const query_options& options) {
    config::time_settings settings;
    settings.servers = servers;
    settings.ca_file = options.ca_file;
    if (const auto added = add_authorities(settings, read_authorities); !added) return added.error();
    settings.require_nts = options.require_nts;
    if (options.require_nts && std::ranges::none_of(servers, &config::time_server::nts))
        return error{"only authenticated time counts, but no server is an nts:// one"};
    asio::io_context context;
    try {
        time_service service{context, settings, time_service::role::once};
        asio::steady_timer objections{context};
        bool agreed = false;
        service.on_update([&] {
            if (service.settled()) return context.stop();
            if (agreed || !service.now(boot_now())) return;
            agreed = true;
            objections.expires_after(objection_time);
            objections.async_wait([&](boost::system::error_code) { context.stop(); });
        });
        const std::stop_callback stopped(options.stop, [&] { context.stop(); });
        service.start();
        context.run_for(options.patience);
        const auto at = boot_now();
        const auto said = service.report();
        if (const auto t = service.now(at); t && said.state == timesync::sync_state::synchronised)
            return time_fix{*t, at};
        return error{"no time from the servers: " + complaints(said)};
    } catch (const std::runtime_error& e) {
        return error{e.what()};
    }
}

} // namespace chronoknock::io
