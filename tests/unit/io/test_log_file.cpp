// The log as a source with real files, and inotify.
#include "capture_lab.hpp"
#include "folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>

using namespace capture_lab;

namespace {

std::string syn_line(int port, const std::string& to = "127.0.0.1") {
    return "drop: IN=eth0 OUT= MAC=02:00 SRC=192.0.2.1 DST=" + to +
           " LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=1 DF PROTO=TCP SPT=40000 DPT=" + std::to_string(port) +
           " WINDOW=1 RES=0x00 SYN URGP=0 \n";
}

void append(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::app) << text; }

/// Follows FOLDER/log.
struct reader final : io::capture_handler {
    explicit reader(const std::string& path, std::vector<prefix> also_for = {})
        : capture(context, io::log_source{path, *packet::log_format::compile("")}, syns_to("1000-2000"),
                  std::move(also_for), *this) {}
    void start() {
        const auto started = capture.start();
        BOOST_REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().text));
    }
    void observe(const packet::event& e, instant now) override {
        if (throws) throw std::runtime_error("the handler's own trouble");
        ports.push_back(e.port);
        BOOST_TEST((now <= io::boot_now()));
    }
    void batch_end(instant) override { ++batches; }

    template <class F>
    bool until(F so) {
        const auto deadline = io::boot_now() + seconds(10);
        while (!so() && io::boot_now() < deadline) {
            context.restart();
            context.run_one_for(milliseconds(10));
        }
        return so();
    }
    bool sees(int port) {
        return until([&] { return std::ranges::count(ports, port) == 1; });
    }

    boost::asio::io_context context;
    std::vector<int> ports;
    bool throws = false;
    int batches = 0;
    io::capture capture;
};

} // namespace

BOOST_AUTO_TEST_SUITE(log_files)

BOOST_AUTO_TEST_CASE(new_lines_count_and_old_ones_do_not) {
    folder f;
    const auto path = f / "log";
    append(path, syn_line(1001));
    reader r(path);
    r.start();
    append(path, syn_line(1002) + "something else\n" + syn_line(999) + syn_line(1003, "192.0.2.99"));
    BOOST_TEST(r.sees(1002));
    BOOST_TEST(r.until([&] { return r.capture.count().lines_matched == 3; }));
    const auto c = r.capture.count();
    BOOST_TEST(c.lines_passed_over == 1u);
    BOOST_TEST(c.outside == 1u);
    BOOST_TEST(c.elsewhere == 1u);
    BOOST_TEST(c.syns == 1u);
    BOOST_TEST(r.ports == std::vector<int>{1002}, boost::test_tools::per_element());
    BOOST_TEST(r.batches > 0);
    BOOST_TEST(c.seen == 0u);
}

BOOST_AUTO_TEST_CASE(a_line_may_come_in_pieces) {
    folder f;
    reader r(f / "log");
    append(f / "log", "");
    r.start();
    const auto text = syn_line(1001);
    append(f / "log", text.substr(0, 50));
    r.until([n = 0]() mutable { return ++n > 5; });
    append(f / "log", text.substr(50));
    BOOST_TEST(r.sees(1001));
}

BOOST_AUTO_TEST_CASE(renamed_truncated_late_and_gone) {
    folder f;
    const auto path = f / "sub" + "/log";
    reader r(path); // not even its folder is there
    log_lines logged;
    r.start();
    BOOST_TEST(logged.count("there is no such file") == 1u);
    std::filesystem::create_directory(f / "sub");
    append(path, syn_line(1001));
    BOOST_TEST(r.sees(1001));

    std::ofstream writer(path, std::ios::app); // keeps the file open, as a daemon does
    std::filesystem::rename(path, path + ".1");
    writer << syn_line(1002) << std::flush;
    BOOST_TEST(r.sees(1002));
    append(path, "");
    writer << syn_line(1003) << std::flush;
    BOOST_TEST(r.sees(1003));
    append(path, syn_line(1004));
    BOOST_TEST(r.sees(1004));

    std::filesystem::resize_file(path, 0);
    append(path, syn_line(1005));
    BOOST_TEST(r.sees(1005));

    std::filesystem::remove(path);
    append(path, syn_line(1006));
    BOOST_TEST(r.sees(1006));
    BOOST_TEST(r.ports.size() == 6u);
}

BOOST_AUTO_TEST_CASE(inotify_wakes_it_at_once) {
    folder f;
    const auto path = f / "log";
    append(path, "");
    reader r(path);
    r.start();
    // It is looked at every second as well: that alone would need ten seconds for this.
    const auto begin = io::boot_now();
    for (int port = 1001; port < 1021; ++port) {
        append(path, syn_line(port));
        BOOST_TEST(r.sees(port));
    }
    BOOST_TEST((io::boot_now() - begin < seconds(5)));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_said_at_the_start) {
    folder f;
    reader r(f.path().string());
    const auto started = r.capture.start();
    BOOST_REQUIRE(!started);
    BOOST_TEST(started.error().text == "capture: " + f.path().string() + ": expected a regular file");
}

BOOST_AUTO_TEST_CASE(a_handler_that_throws_keeps_no_line_from_the_others) {
    folder f;
    const auto path = f / "log";
    append(path, "");
    reader r(path);
    r.start();
    log_lines logged;
    r.throws = true;
    append(path, syn_line(1001) + syn_line(1002));
    BOOST_TEST(r.until([&] { return r.capture.count().lines_matched == 2; }));
    r.throws = false;
    append(path, syn_line(1003));
    BOOST_TEST(r.sees(1003));
    BOOST_TEST(logged.count("a line could not be dealt with: the handler's own trouble") == 1u);
}

BOOST_AUTO_TEST_CASE(a_flood_is_read_to_its_end) {
    folder f;
    const auto path = f / "log";
    append(path, "");
    reader r(path);
    r.start();
    std::string flood;
    constexpr std::uint64_t many = 20000;
    for (std::uint64_t i = 0; i < many; ++i) flood += syn_line(1001);
    append(path, flood);
    append(path, syn_line(1002));
    BOOST_TEST(r.sees(1002));
    BOOST_TEST(r.capture.count().lines_matched == many + 1);
    BOOST_TEST(r.batches > 5); // in turns
}

BOOST_AUTO_TEST_SUITE_END()
