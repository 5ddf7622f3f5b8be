#include "io/metrics/exporter.hpp"

#include "io/log/log.hpp"
#include "io/system/publish.hpp"

#include <exception>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

namespace {

using std::chrono::steady_clock;

constexpr mode_t everybody_reads = 0644;
// However often it is asked for: the list of grants comes from the kernel.
constexpr nanoseconds fresh = seconds(1);

} // namespace

exporter::exporter(boost::asio::io_context& context, beside& work, gather now)
    : context_(context), timer_(context), work_(work), now_(std::move(now)) {}

void exporter::use(const config::metrics_settings& settings) {
    if (settings == settings_) return;
    const auto before = std::exchange(settings_, settings);
    if (before.listen != settings_.listen) listener_.reset();
    told_.clear();
    if (!before.file.empty() && before.file != settings_.file) try {
            work_.run( // after what is being written
                [file = before.file]() -> result<void> {
                    ::unlink(file.c_str());
                    return {};
                },
                [](const result<void>&) {});
        } catch (const std::exception&) { // no thread: it stays
        }
    timer_.cancel();
    if (!settings_.file.empty() || settings_.listen) each_interval();
}

void exporter::each_interval() {
    again_after(settings_.interval); // also if something below throws
    keep_listening();
    write_file();
}

void exporter::again_after(nanoseconds wait) {
    timer_.expires_after(wait);
    timer_.async_wait([this](boost::system::error_code stopped) {
        if (!stopped && timer_.expiry() <= steady_clock::now()) each_interval();
    });
}

void exporter::keep_listening() {
    if (!settings_.listen || listener_) return;
    auto opened = metrics_listener::open(context_, *settings_.listen,
                                         [this](report::exposition form) { return text(form); });
    if (!opened) return tell(opened.error().text);
    listener_.emplace(std::move(*opened));
}

void exporter::write_file() {
    if (settings_.file.empty() || writing_) return;
    const auto done = [this](const result<void>& written) {
        writing_ = false;
        if (!written) tell("[metrics] file: " + written.error().text);
    };
    try {
        work_.run(
            [file = settings_.file, now = text(report::exposition::prometheus)] {
                return publish_file(file, *now, everybody_reads);
            },
            done);
        writing_ = true;
    } catch (const std::exception& e) {
        tell(std::string("[metrics] file: ") + e.what());
    }
}

void exporter::tell(const std::string& why) {
    if (std::exchange(told_, why) != why) log::warning(why);
}

std::shared_ptr<const std::string> exporter::text(report::exposition form) {
    auto& c = cache_[static_cast<std::size_t>(form)];
    const auto now = steady_clock::now();
    if (c.text && now - c.made < fresh) return c.text;
    c.text = std::make_shared<const std::string>(to_text(now_(), form));
    c.made = now;
    return c.text;
}

} // namespace chronoknock::io
