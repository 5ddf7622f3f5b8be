#include "io/fleet/https.hpp"

#include "base/text.hpp"
#include "io/client/endpoint.hpp"
#include "io/system/clock.hpp"
#include "io/system/internet_socket.hpp"
#include "io/system/tls.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <utility>

namespace chronoknock::io {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t most_connections = 16;
constexpr std::size_t most_idle = 4;
constexpr std::size_t most_line = 16 << 20;
constexpr std::size_t chunk_size = 64 << 10;

using post = http::request<http::string_body>;

post to_request(const http_question& q, const std::string& host) {
    post r{http::verb::post, q.path, 11};
    r.set(http::field::host, host);
    r.set(http::field::content_type, "application/json");
    if (!q.authorization.empty()) r.set(http::field::authorization, q.authorization);
    r.body() = q.body;
    r.prepare_payload();
    return r;
}

} // namespace

/// One TLS connection. It closes itself when the time of what is done on it is over; that fails then.
class https_connection : public std::enable_shared_from_this<https_connection> {
public:
    https_connection(asio::any_io_executor executor, https_peer::tls context)
        : context_(std::move(context)), stream(executor, *context_), timer_(executor) {}

    void limit(nanoseconds d) {
        timer_.expires_after(d);
        timer_.async_wait([c = weak_from_this(), n = ++limits_](boost::system::error_code stopped) {
            const auto self = c.lock();
            if (stopped || !self || n != self->limits_) return;
            self->late_ = true;
            self->close();
        });
    }
    void unlimit() {
        ++limits_;
        timer_.cancel();
    }
    void close() {
        unlimit();
        boost::system::error_code ignored;
        // What was asked for in vain, and is tried elsewhere, must not get there when the wire is whole
        // again.
        if (late_) stream.lowest_layer().set_option(asio::socket_base::linger(true, 0), ignored);
        stream.lowest_layer().close(ignored);
    }
    bool is_late() const { return late_; }
    error why(const char* step, const boost::system::error_code& ec) {
        if (late_) return {std::string(step) + ": no answer in time"};
        const auto verdict = SSL_get_verify_result(stream.native_handle());
        if (verdict != X509_V_OK)
            return {std::string("its certificate is not accepted: ") +
                    X509_verify_cert_error_string(verdict)};
        return {std::string(step) + ": " + printable(ec.message())};
    }

private:
    https_peer::tls context_;

public:
    asio::ssl::stream<tcp::socket> stream;
    boost::beast::flat_buffer buffer;

private:
    asio::steady_timer timer_;
    unsigned limits_ = 0;
    bool late_ = false;
};

https_peer::https_peer(asio::any_io_executor executor, config::fleet_endpoint where,
                       std::shared_ptr<lookup> names)
    : executor_(std::move(executor)), where_(std::move(where)), names_(std::move(names)) {
    if (const auto a = address::parse(where_.host)) addresses_ = {*a};
}

void https_peer::use(tls context) {
    tls_ = std::move(context);
    for (const auto& c : idle_) c->close();
    idle_.clear();
    hang_up();
}

void https_peer::hang_up() {
    if (const auto c = followed_.lock()) c->close();
}

/// The next knock is not to wait for a name server.
void https_peer::look_up() {
    if (looking_up_ || address::parse(where_.host)) return;
    looking_up_ = true;
    asio::co_spawn(executor_, look_up(shared_from_this()), asio::detached);
}

asio::awaitable<void> https_peer::look_up(std::shared_ptr<https_peer> self) {
    const auto found = co_await self->names_->resolve(self->where_.host);
    self->looking_up_ = false;
    if (found)
        self->addresses_ = *found;
    else
        self->unknown_ = found.error().text;
}

asio::awaitable<result<https_peer::connection>> https_peer::connect(nanoseconds limit) {
    if (addresses_.empty()) look_up();
    const auto addresses = addresses_;
    error last{unknown_.empty() ? "its name is being looked up" : unknown_};
    const auto deadline = boot_now() + limit;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const auto& a = addresses[i];
        const auto c = std::make_shared<https_connection>(executor_, tls_);
        if (!expect_host(c->stream.native_handle(), where_.host))
            co_return error{"TLS does not take the name"};
        // One that is dead leaves the others their share.
        c->limit((deadline - boot_now()) / static_cast<std::int64_t>(addresses.size() - i));
        const tcp::endpoint to{to_asio(a), where_.port};
        boost::system::error_code unopened;
        open_internet_socket(c->stream.next_layer(), to.protocol(), unopened);
        if (unopened) {
            last = c->why("connect", unopened);
            continue;
        }
        const auto [refused] = co_await c->stream.next_layer().async_connect(to, token);
        if (refused) {
            last = c->why("connect", refused);
            continue;
        }
        boost::system::error_code ignored;
        c->stream.next_layer().set_option(tcp::no_delay(true), ignored);
        const auto [untrusted] = co_await c->stream.async_handshake(asio::ssl::stream_base::client, token);
        if (!untrusted) {
            // The next connection begins with the one that answered.
            const auto found = std::ranges::find(addresses_, a);
            if (found != addresses_.end()) std::rotate(addresses_.begin(), found, std::next(found));
            co_return c;
        }
        last = c->why("TLS handshake", untrusted);
        c->close();
    }
    look_up(); // it may be elsewhere by now
    co_return last;
}

/// Waits for one of the connections that there may be at once; false: in vain.
asio::awaitable<bool> https_peer::take_turn(nanoseconds limit) {
    if (busy_ < most_connections) {
        ++busy_;
        co_return true;
    }
    const auto turn = std::make_shared<asio::steady_timer>(executor_, limit);
    waiting_.push_back(turn);
    const auto [woken] = co_await turn->async_wait(token);
    if (woken) co_return true; // end_turn() gave us its place
    std::erase(waiting_, turn);
    co_return false;
}

void https_peer::end_turn() {
    while (!waiting_.empty()) {
        const auto next = waiting_.front();
        waiting_.pop_front();
        if (next->cancel() > 0) return;
    }
    --busy_;
}

asio::awaitable<result<http_answer>> https_peer::ask(http_question q, nanoseconds limit) {
    const auto self = shared_from_this();
    const auto deadline = boot_now() + limit;
    const bool has_turn = co_await take_turn(limit);
    if (!has_turn) co_return error{"too much is asked at once"};
    struct turn {
        https_peer& peer;
        explicit turn(https_peer& p) : peer(p) {}
        ~turn() { peer.end_turn(); }
    };
    const turn mine(*this);
    for (;;) {
        connection c;
        const bool kept = !idle_.empty();
        if (kept) {
            c = idle_.back();
            idle_.pop_back();
        } else {
            auto made = co_await connect(deadline - boot_now());
            if (!made) co_return made.error();
            c = *made;
        }
        c->limit(deadline - boot_now());
        auto request = to_request(q, where_.host);
        const auto [unsent, sent] = co_await http::async_write(c->stream, request, token);
        http::response_parser<http::string_body> parser;
        parser.body_limit(q.most_answer);
        boost::system::error_code failed = unsent;
        if (!failed) {
            const auto [unread, n] = co_await http::async_read(c->stream, c->buffer, parser, token);
            failed = unread;
        }
        if (failed == http::error::body_limit) {
            c->close();
            co_return error{std::string(too_long_answer)};
        }
        if (failed) {
            const auto why = c->why("asking", failed);
            const bool again = kept && !c->is_late(); // the other end has closed what was kept
            c->close();
            if (again) continue;
            co_return why;
        }
        c->unlimit();
        http_answer a{parser.get().result_int(), std::move(parser.get().body())};
        if (parser.get().keep_alive() && idle_.size() < most_idle && c->buffer.size() == 0)
            idle_.push_back(c);
        else
            c->close();
        co_return a;
    }
}

asio::awaitable<error> https_peer::follow(http_question q, nanoseconds limit, on_line told) {
    const auto self = shared_from_this();
    auto made = co_await connect(limit);
    if (!made) co_return made.error();
    const auto c = *made;
    followed_ = c;
    c->limit(limit);
    auto request = to_request(q, where_.host);
    const auto [unsent, sent] = co_await http::async_write(c->stream, request, token);
    if (unsent) co_return c->why("asking", unsent);
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    const auto [unread, header_size] = co_await http::async_read_header(c->stream, c->buffer, parser, token);
    if (unread) co_return c->why("asking", unread);
    const auto status = parser.get().result_int();
    std::vector<char> chunk(chunk_size);
    std::string line;
    while (!parser.is_done()) {
        parser.get().body().data = chunk.data();
        parser.get().body().size = chunk.size();
        const auto [failed, size] = co_await http::async_read_some(c->stream, c->buffer, parser, token);
        if (failed && failed != http::error::need_buffer) {
            const auto why = c->why("following", failed);
            c->close();
            co_return why;
        }
        std::string_view got(chunk.data(), chunk.size() - parser.get().body().size);
        for (auto end = got.find('\n'); status == 200 && end != got.npos; end = got.find('\n')) {
            line.append(got.substr(0, end));
            got.remove_prefix(end + 1);
            if (!line.empty()) {
                c->unlimit();
                told(line);
            }
            line.clear();
        }
        line.append(got);
        if (line.size() > most_line) {
            c->close();
            co_return error{std::string(too_long_line)};
        }
    }
    c->close();
    if (status == 200) co_return error{"following: it has ended"};
    co_return error{"status " + std::to_string(status) + ": " + printable(line)};
}

} // namespace chronoknock::io
