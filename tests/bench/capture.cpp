// Counts SYNs by the server's own capture, until SIGTERM; to be held against count.
#include "io/capture/capture.hpp"
#include "usage.hpp"

#include <boost/asio/signal_set.hpp>

namespace {

class counter final : public chronoknock::io::capture_handler {
public:
    void observe(const chronoknock::packet::event& e, chronoknock::instant) override { ports_ += e.port; }
    void batch_end(chronoknock::instant) override {}

private:
    std::uint64_t ports_ = 0;
};

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) return std::fputs("usage: capture INTERFACE...\n", stderr), 2;
    boost::asio::io_context context;
    counter count;
    chronoknock::io::capture capture(context, {argv + 1, argv + argc},
                                     {.syns = *chronoknock::port_set::parse("1024-65535")}, {}, count);
    if (const auto started = capture.start(); !started)
        return std::fprintf(stderr, "%s\n", started.error().text.c_str()), 1;
    boost::asio::signal_set signals(context, SIGTERM, SIGINT);
    signals.async_wait([&](boost::system::error_code, int) { context.stop(); });
    std::puts("ready");
    std::fflush(stdout);
    const double begin = bench::cpu_seconds();
    context.run();
    const auto c = capture.count();
    bench::report("chronoknock capture", c.seen, c.dropped, c.wakes, bench::cpu_seconds() - begin);
}
