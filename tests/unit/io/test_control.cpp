#include "folder.hpp"
#include "io/control/control.hpp"

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <list>
#include <sys/socket.h>
#include <thread>

using namespace chronoknock;
using namespace std::chrono_literals;
using boost::asio::local::stream_protocol;

namespace {

constexpr auto patience = 500ms;

/// A daemon's end and those who ask it, in one loop.
struct world {
    folder f;
    std::string path = f / "control.sock";
    std::string text = std::string(256 << 10, 'x') + "\n"; ///< more than the kernel holds
    int made = 0;
    boost::asio::io_context context;
    io::control control = io::control::open(
                              context, path,
                              [this] {
                                  ++made;
                                  return text;
                              },
                              patience)
                              .value();

    struct reader {
        stream_protocol::socket socket;
        std::string got{};
        bool ended = false;

        /// Reads so much at most.
        void read(std::size_t most) {
            std::array<char, 4096> bytes;
            const auto n =
                ::recv(socket.native_handle(), bytes.data(), std::min(most, bytes.size()), MSG_DONTWAIT);
            if (n > 0) got.append(bytes.data(), static_cast<std::size_t>(n));
            ended = n == 0;
        }
    };

    reader ask() {
        reader r{stream_protocol::socket(context)};
        r.socket.connect(stream_protocol::endpoint(path));
        return r;
    }
};

/// Answers one who asks with a text and no more.
std::string asked_of(const std::string& text) {
    const folder f;
    boost::asio::io_context context;
    stream_protocol::acceptor acceptor(context, stream_protocol::endpoint(f / "control.sock"));
    std::thread daemon([&] {
        auto s = acceptor.accept();
        (void)::send(s.native_handle(), text.data(), text.size(), MSG_NOSIGNAL);
    });
    const auto answer = io::ask_status(f / "control.sock");
    daemon.join();
    if (answer) return *answer;
    BOOST_TEST(answer.error().text == "the server at " + f / "control.sock" + " broke off its answer");
    return "error";
}

} // namespace

BOOST_AUTO_TEST_SUITE(control)

BOOST_AUTO_TEST_CASE(an_answer_that_was_cut_is_an_error) {
    BOOST_TEST(asked_of("{}\n") == "{}\n");
    BOOST_TEST(asked_of("{\"keys\":") == "error");
    BOOST_TEST(asked_of("") == "error");
}

BOOST_AUTO_TEST_CASE(a_slow_reader_gets_it_all) {
    world w;
    auto slow = w.ask();
    const auto began = std::chrono::steady_clock::now();
    while (!slow.ended) {
        w.context.run_for(20ms);
        slow.read(4096);
    }
    BOOST_TEST((std::chrono::steady_clock::now() - began > patience));
    BOOST_TEST((slow.got == w.text));
}

BOOST_AUTO_TEST_CASE(those_who_read_nothing_keep_nobody_out_for_long) {
    world w;
    std::list<world::reader> idle;
    while (idle.size() < 12) idle.push_back(w.ask());
    auto last = w.ask();
    w.context.run_for(patience / 10);
    BOOST_TEST(w.made == 4); // no more texts in memory than these
    for (int reads = 0; !last.ended && reads < 10'000; ++reads) {
        w.context.run_for(1ms);
        last.read(4096);
    }
    BOOST_TEST((last.got == w.text));
    BOOST_TEST(w.made == 13);
    for (auto& i : idle) {
        while (!i.ended) i.read(4096);
        BOOST_TEST(i.got.size() < w.text.size());
    }
}

BOOST_AUTO_TEST_SUITE_END()
