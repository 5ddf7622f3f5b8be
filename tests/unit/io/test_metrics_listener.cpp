#include "folder.hpp"
#include "io/metrics/http.hpp"

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <list>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace chronoknock;
using namespace std::chrono_literals;
using boost::asio::local::stream_protocol;

namespace {

constexpr auto patience = 300ms;
const std::string get = "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n";

/// A listener on a Unix socket and those who ask it, in one loop.
struct world {
    folder f;
    std::string path = f / "deep/metrics.sock";
    boost::asio::io_context context;
    int asked = 0;
    std::string text = std::string(256 << 10, 'x'); ///< more than the kernel holds
    io::metrics_listener listener =
        io::metrics_listener::open(context, {path, {}, 0}, source(), patience).value();

    io::metrics_source source() {
        return [this](report::exposition form) {
            ++asked;
            return std::make_shared<const std::string>(
                (form == report::exposition::openmetrics ? "open" : "classic") + text);
        };
    }

    struct client {
        stream_protocol::socket socket;
        std::string got{};
        bool ended = false;

        void send(std::string_view bytes) {
            (void)::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        void read() {
            std::array<char, 65536> bytes;
            const auto n = ::recv(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (n > 0) got.append(bytes.data(), static_cast<std::size_t>(n));
            ended = n == 0 || (n < 0 && errno == ECONNRESET);
        }
    };

    client asks(std::string_view request) {
        client c{stream_protocol::socket(context)};
        c.socket.connect(stream_protocol::endpoint(path));
        c.send(request);
        return c;
    }
    template <class Condition>
    bool until(Condition done, std::chrono::milliseconds most = 5s) {
        const auto end = std::chrono::steady_clock::now() + most;
        while (!done()) {
            if (std::chrono::steady_clock::now() > end) return false;
            context.run_for(1ms);
        }
        return true;
    }
    std::string answer_to(client& c) {
        BOOST_TEST(until([&] { return c.read(), c.ended; }));
        return c.got;
    }
    std::string answer_to(std::string_view request) {
        auto c = asks(request);
        return answer_to(c);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(whoever_asks_gets_the_text, world) {
    const auto got = answer_to(get);
    BOOST_TEST(got.starts_with("HTTP/1.1 200 OK\r\n"));
    BOOST_TEST(got.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n") != got.npos);
    BOOST_TEST(got.find("\r\nConnection: close\r\n") != got.npos);
    BOOST_TEST(got.ends_with("\r\n\r\nclassic" + text));
    const auto open = answer_to("GET /metrics?x=1 HTTP/1.1\r\nHost: here\r\nAccept: "
                                "application/openmetrics-text;version=1.0.0\r\n\r\n");
    BOOST_TEST(open.find("application/openmetrics-text; version=1.0.0") != open.npos);
    BOOST_TEST(open.ends_with("open" + text));
    struct stat s{};
    BOOST_TEST(::stat(path.c_str(), &s) == 0);
    BOOST_TEST((s.st_mode & 0777) == 0666u);
}

BOOST_FIXTURE_TEST_CASE(anything_else_is_refused, world) {
    BOOST_TEST(answer_to("GET / HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 404 "));
    BOOST_TEST(answer_to("GET /metrics/../x HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    for (const auto* method : {"POST", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
        const auto got =
            answer_to(method + std::string(" /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"));
        BOOST_TEST(got.starts_with("HTTP/1.1 405 "), method);
        BOOST_TEST(got.find("\r\nAllow: GET\r\n") != got.npos);
    }
    BOOST_TEST(answer_to("\x16\x03\x01 what is this\r\n\r\n").starts_with("HTTP/1.1 400 "));
    BOOST_TEST(answer_to("GET /metrics HTTP/1.1\r\nA: " + std::string(20'000, 'a') + "\r\n\r\n")
                   .starts_with("HTTP/1.1 431 "));
    BOOST_TEST(answer_to("GET /metrics HTTP/9.9\r\n\r\n").starts_with("HTTP/1.1 400 "));
    BOOST_TEST(asked == 0);
    BOOST_TEST(answer_to(get).starts_with("HTTP/1.1 200 "));
}

BOOST_FIXTURE_TEST_CASE(who_hangs_is_let_go, world) {
    auto silent = asks("");
    auto slow = asks("GET /metr");
    auto deaf = asks(get); // and reads nothing
    const auto began = std::chrono::steady_clock::now();
    // Byte by byte is no progress: the head has its time as a whole.
    BOOST_TEST(until([&] {
        slow.send("i");
        silent.read(), slow.read();
        return silent.ended && slow.ended;
    }));
    BOOST_TEST((std::chrono::steady_clock::now() - began < 5 * patience));
    BOOST_TEST(answer_to(get).starts_with("HTTP/1.1 200 "));
    BOOST_TEST(until(
        [&] {
            char byte = 0;
            return ::recv(deaf.socket.native_handle(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 1 ||
                   std::chrono::steady_clock::now() - began > 11 * patience;
        },
        6s));
    answer_to(deaf);
    BOOST_TEST(deaf.got.size() < text.size()); // it was cut off
}

BOOST_FIXTURE_TEST_CASE(a_flood_of_idle_connections_keeps_nobody_out, world) {
    std::list<client> idle;
    for (int i = 0; i < 200; ++i) {
        idle.push_back(asks("GET /m"));
        context.run_for(1ms);
    }
    const auto began = std::chrono::steady_clock::now();
    BOOST_TEST(answer_to(get).starts_with("HTTP/1.1 200 "));
    BOOST_TEST((std::chrono::steady_clock::now() - began < patience)); // not only when they have been let go
    std::size_t open = 0;
    for (auto& c : idle) {
        c.read();
        open += c.ended ? 0 : 1;
    }
    BOOST_TEST(open <= 16u);
}

BOOST_FIXTURE_TEST_CASE(the_socket_comes_and_goes, world) {
    const auto again = io::metrics_listener::open(context, {path, {}, 0}, source(), patience);
    BOOST_REQUIRE(!again);
    BOOST_TEST(again.error().text == "[metrics] listen: unix:" + path + ": somebody listens there already");
    BOOST_TEST(answer_to(get).starts_with("HTTP/1.1 200 "));
    {
        const auto gone = std::move(listener);
    }
    BOOST_TEST(::access(path.c_str(), F_OK) != 0);
    { // left by one who was killed
        stream_protocol::acceptor dead(context, stream_protocol::endpoint(path));
    }
    listener = io::metrics_listener::open(context, {path, {}, 0}, source(), patience).value();
    BOOST_TEST(answer_to(get).starts_with("HTTP/1.1 200 "));
    BOOST_REQUIRE(::symlink("/etc/passwd", (f / "link").c_str()) == 0);
    BOOST_TEST(!io::metrics_listener::open(context, {f / "link", {}, 0}, source(), patience));
}

BOOST_FIXTURE_TEST_CASE(a_port_of_loopback, world) {
    using boost::asio::ip::tcp;
    tcp::acceptor taken(context, {boost::asio::ip::address_v4::loopback(), 0});
    const auto port = taken.local_endpoint().port();
    const auto home = address::parse("127.0.0.1").value();
    BOOST_TEST(!io::metrics_listener::open(context, {{}, home, port}, source(), patience));
    taken.close();
    const auto open = io::metrics_listener::open(context, {{}, home, port}, source(), patience);
    BOOST_REQUIRE(open);
    tcp::socket s(context);
    s.connect({boost::asio::ip::address_v4::loopback(), port});
    s.send(boost::asio::buffer(get));
    std::array<char, 12> begin{};
    BOOST_TEST(until([&] {
        return ::recv(s.native_handle(), begin.data(), begin.size(), MSG_DONTWAIT | MSG_PEEK) == 12;
    }));
    BOOST_TEST(std::string(begin.data(), begin.size()) == "HTTP/1.1 200");
}
