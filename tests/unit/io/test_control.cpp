#include "failing_new.hpp"
#include "folder.hpp"
#include "io/control/ask.hpp"
#include "io/control/control.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <list>
#include <sys/socket.h>
#include <thread>

using namespace chronoknock;
using namespace std::chrono_literals;
using boost::asio::local::stream_protocol;
namespace json = boost::json;

namespace {

constexpr auto patience = 500ms;
const std::string status_request = io::to_frame(R"({"operation":"status"})");

/// A daemon's end and those who ask it, in one loop.
struct world {
    folder f;
    std::string path = f / "control.sock";
    json::object status{{"text", std::string(256 << 10, 'x')}}; ///< more than the kernel holds
    std::string answer = io::to_frame(io::to_text(io::answer(status)));
    int asked = 0;
    boost::asio::io_context context;
    std::list<io::reply> kept;
    io::control control =
        io::control::bind(
            context, path,
            {{"status",
              [this](const json::object&, const io::reply& r) {
                  ++asked;
                  r(status);
              }},
             {"echo", [](const json::object& a, const io::reply& r) { r(a); }},
             {"refuse", [](const json::object&, const io::reply& r) { r(error{"no"}); }},
             {"throw", [](const json::object&, const io::reply&) { throw std::runtime_error("full"); }},
             {"forget", [](const json::object&, const io::reply&) {}},
             {"later", [this](const json::object&, io::reply r) { kept.push_back(std::move(r)); }}},
            patience)
            .value();
    world() { BOOST_REQUIRE(control.listen()); }

    struct client {
        stream_protocol::socket socket;
        std::string got{};
        bool ended = false;

        void send(std::string_view bytes) {
            (void)::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        /// Reads so much at most.
        void read(std::size_t most) {
            std::array<char, 4096> bytes;
            const auto n =
                ::recv(socket.native_handle(), bytes.data(), std::min(most, bytes.size()), MSG_DONTWAIT);
            if (n > 0) got.append(bytes.data(), static_cast<std::size_t>(n));
            ended = n == 0 || (n < 0 && errno == ECONNRESET);
        }
    };

    client connect() {
        client c{stream_protocol::socket(context)};
        c.socket.connect(stream_protocol::endpoint(path));
        return c;
    }
    client asks(const std::string& frame) {
        auto c = connect();
        c.send(frame);
        return c;
    }
    /// Until the end of what it gets.
    std::string answer_to(client c) {
        const auto began = std::chrono::steady_clock::now();
        while (!c.ended && std::chrono::steady_clock::now() - began < 10s) {
            context.run_for(1ms);
            c.read(4096);
        }
        return c.got.size() < 4 ? c.got : c.got.substr(4);
    }
    std::string answer_to(const std::string& text) { return answer_to(asks(io::to_frame(text))); }
};

/// What ask() makes of a server that answers with these bytes and no more.
std::string asked_of(const std::string& bytes) {
    const folder f;
    boost::asio::io_context context;
    stream_protocol::acceptor acceptor(context, stream_protocol::endpoint(f / "control.sock"));
    std::thread daemon([&] {
        auto s = acceptor.accept();
        std::array<char, 4096> request;
        (void)s.receive(boost::asio::buffer(request));
        (void)::send(s.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    });
    const auto answer = io::ask(f / "control.sock", {"status"});
    daemon.join();
    if (answer) return json::serialize(*answer);
    const std::string where = "the server at " + f / "control.sock";
    return answer.error().text.starts_with(where) ? answer.error().text.substr(where.size())
                                                  : answer.error().text;
}

/// How long f takes.
template <class F>
nanoseconds time_of(F f) {
    const auto began = std::chrono::steady_clock::now();
    f();
    return std::chrono::steady_clock::now() - began;
}

} // namespace

BOOST_AUTO_TEST_SUITE(control)

BOOST_AUTO_TEST_CASE(a_request_has_its_operation_done_and_answered) {
    world w;
    BOOST_TEST(w.answer_to(R"({"operation":"echo","arguments":{"a":[1,null]}})") ==
               R"({"result":{"a":[1,null]}})");
    BOOST_TEST(w.answer_to(R"({"operation":"refuse"})") == R"({"error":"no"})");
    BOOST_TEST(w.answer_to(R"({"operation":"throw"})") == R"({"error":"throw: full"})");
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_answered_by_an_error) {
    world w;
    BOOST_TEST(w.answer_to(R"({"operation":"sta\u001btus"})") ==
               R"({"error":"unknown operation 'sta\\x1btus'"})");
    BOOST_TEST(w.answer_to("[]") == R"({"error":"request: expected a JSON object"})");
    BOOST_TEST(w.answer_to(w.asks("GET / HTTP/1.0\r\n\r\n")) ==
               R"({"error":"expected 1 to 65536 bytes of JSON, not 1195725856"})");
    BOOST_TEST(w.asked == 0);
}

BOOST_AUTO_TEST_CASE(a_request_may_come_in_pieces) {
    world w;
    auto c = w.connect();
    for (const char byte : io::to_frame(R"({"operation":"echo"})")) {
        c.send({&byte, 1});
        w.context.run_for(1ms);
    }
    BOOST_TEST(w.answer_to(std::move(c)) == R"({"result":{}})");
}

BOOST_AUTO_TEST_CASE(an_operation_may_answer_later_or_never) {
    world w;
    auto c = w.asks(io::to_frame(R"({"operation":"later"})"));
    w.context.run_for(2 * patience); // no patience is lost on the operation
    BOOST_REQUIRE(w.kept.size() == 1u);
    w.kept.front()(json::object{{"late", true}});
    w.kept.front()(error{"twice"});
    w.kept.clear();
    BOOST_TEST(w.answer_to(std::move(c)) == R"({"result":{"late":true}})");
    BOOST_TEST(w.answer_to(R"({"operation":"forget"})") == "");
}

BOOST_AUTO_TEST_CASE(a_slow_reader_gets_it_all) {
    world w;
    auto slow = w.asks(status_request);
    const auto took = time_of([&] {
        while (!slow.ended) {
            w.context.run_for(20ms);
            slow.read(4096);
        }
    });
    BOOST_TEST((took > patience));
    BOOST_TEST((slow.got == w.answer));
}

BOOST_AUTO_TEST_CASE(who_reads_a_little_again_and_again_does_not_hold_an_answer_for_ever) {
    world w;
    auto slow = w.asks(status_request);
    const auto took = time_of([&] {
        while (!slow.ended) {
            w.context.run_for(patience / 4);
            slow.read(4096);
        }
    });
    BOOST_TEST(slow.got.size() < w.answer.size());
    BOOST_TEST((took < 12 * patience)); // 256 KiB are 8 times 32
}

BOOST_AUTO_TEST_CASE(those_who_read_nothing_keep_nobody_out_for_long) {
    world w;
    std::list<world::client> idle;
    while (idle.size() < 12) idle.push_back(w.asks(status_request));
    auto last = w.asks(status_request);
    for (int turns = 0; w.asked < 4 && turns < 100; ++turns) w.context.run_for(1ms);
    w.context.run_for(20ms);
    BOOST_TEST(w.asked == 4); // no more texts in memory than these
    for (int reads = 0; !last.ended && reads < 10'000; ++reads) {
        w.context.run_for(1ms);
        last.read(4096);
    }
    BOOST_TEST((last.got == w.answer));
    BOOST_TEST(w.asked == 13);
    for (auto& i : idle) {
        while (!i.ended) i.read(4096);
        BOOST_TEST(i.got.size() < w.answer.size());
    }
}

BOOST_AUTO_TEST_CASE(those_who_ask_nothing_keep_nobody_out_for_long) {
    world w;
    std::list<world::client> idle;
    while (idle.size() < 8) idle.push_back(w.connect());
    std::size_t bytes = 0;
    for (auto& i : idle)
        i.send(status_request.substr(0, bytes++)); // nothing, part of the length, of the text
    BOOST_TEST(w.answer_to(R"({"operation":"echo"})") == R"({"result":{}})");
    for (auto& i : idle) {
        i.read(1);
        BOOST_TEST(i.ended);
    }
    // Bytes that go on coming do not count: the whole request must be there in time.
    auto drop = w.connect();
    drop.send(io::to_frame(std::string(1000, ' ')).substr(0, 4));
    const auto took = time_of([&] {
        while (!drop.ended) {
            drop.send(" ");
            w.context.run_for(20ms);
            drop.read(1);
        }
    });
    BOOST_TEST((took < 2 * patience));
}

BOOST_AUTO_TEST_CASE(the_answer_must_come_whole) {
    const std::string whole = R"({"result":{}})";
    BOOST_TEST(asked_of(io::to_frame(whole)) == "{}");
    BOOST_TEST(asked_of(io::to_frame(R"({"error":"no"})")) == "no");
    for (const auto& bytes :
         {std::string(), io::to_frame(whole).substr(0, 3), io::to_frame(whole).substr(0, 10)})
        BOOST_TEST(asked_of(bytes) == " broke off its answer");
    BOOST_TEST(asked_of("{\"version\":\"0.1.0\"}\n") == "the server's answer is not what this program knows");
}

BOOST_AUTO_TEST_CASE(the_client_waits_for_a_bounded_time_whatever_the_server_does) {
    const folder f;
    const auto path = f / "control.sock";
    boost::asio::io_context context;
    stream_protocol::acceptor deaf(context);
    deaf.open();
    deaf.bind(stream_protocol::endpoint(path));
    deaf.listen(0);
    const io::ask_limits limits{100ms, 1s};
    const auto silent = "the server at " + path + " does not answer";
    // The first is in the backlog and waits for an answer; the next wait for a place, which it does not
    // leave.
    for (int i = 0; i < 3; ++i) {
        std::string said;
        const auto took = time_of([&] { said = io::ask(path, {"status"}, limits).error().text; });
        BOOST_TEST(said == silent);
        BOOST_TEST((took >= 100ms && took < 1s));
    }
    BOOST_TEST(io::somebody_listens(path));
    // One that says a little often enough.
    std::atomic<bool> over = false;
    std::thread dripping([&] {
        for (;;) {
            auto s = deaf.accept();
            if (over) return;
            (void)::send(s.native_handle(), "\0\1\0\0", 4, MSG_NOSIGNAL);
            while (::send(s.native_handle(), " ", 1, MSG_NOSIGNAL) == 1) std::this_thread::sleep_for(10ms);
        }
    });
    std::string said;
    const auto took = time_of([&] { said = io::ask(path, {"status"}, limits).error().text; });
    BOOST_TEST(said == silent);
    BOOST_TEST((took >= 900ms && took < 5s));
    over = true;
    stream_protocol::socket end(context);
    end.connect(stream_protocol::endpoint(path));
    dripping.join();
}

BOOST_AUTO_TEST_CASE(nobody_there) {
    const folder f;
    const auto path = f / "control.sock";
    BOOST_TEST(io::ask(path, {"status"}).error().text ==
               "no server answers at " + path + ": No such file or directory");
    BOOST_TEST(!io::somebody_listens(path));
}

BOOST_AUTO_TEST_CASE(a_session_that_ends_while_there_is_no_memory_ends_nothing_else) {
    world w;
    std::list<world::client> all;
    for (int n = 0; n < 4; ++n) all.push_back(w.asks(io::to_frame(R"({"operation":"later"})")));
    while (w.kept.size() < 4) w.context.run_one_for(1s);
    {
        const failing_new none(1);
        w.kept.clear(); // the sessions end with them when their timers do
    }
    all.clear();
    BOOST_TEST(w.answer_to(R"({"operation":"refuse"})") == R"({"error":"no"})");
}

BOOST_AUTO_TEST_SUITE_END()
