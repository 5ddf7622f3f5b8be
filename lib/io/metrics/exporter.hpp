#pragma once

#include "config/metrics.hpp"
#include "io/metrics/http.hpp"
#include "io/system/beside.hpp"
#include "report/metrics.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace chronoknock::io {

/// Tells metrics, in a file and to who asks, as [metrics] says. What fails is told once and tried again:
/// knocks do not depend on it.
class exporter {
public:
    using gather = std::function<report::metrics()>;

    /// `now`: what the loop can tell. `work`: where files are written.
    exporter(boost::asio::io_context& context, beside& work, gather now);

    /// From now on by these settings; the file of others is taken away.
    void use(const config::metrics_settings& settings);
    /// Ends it, and takes the file away: nobody is to read old numbers.
    void stop() { use({}); }

private:
    void keep_listening();
    void write_file();
    void each_interval();
    void again_after(nanoseconds wait);
    void tell(const std::string& why);
    std::shared_ptr<const std::string> text(report::exposition form);

    boost::asio::io_context& context_;
    boost::asio::steady_timer timer_;
    beside& work_;
    gather now_;
    config::metrics_settings settings_;
    std::optional<metrics_listener> listener_;
    bool writing_ = false;
    std::string told_; ///< what failed last
    struct cached {
        std::shared_ptr<const std::string> text;
        boost::asio::steady_timer::time_point made{};
    };
    cached cache_[2]; ///< of each form
};

} // namespace chronoknock::io
