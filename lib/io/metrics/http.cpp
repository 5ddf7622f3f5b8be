#include "io/metrics/http.hpp"

#include "io/control/ask.hpp"
#include "io/system/internet_socket.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <filesystem>
#include <list>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::generic::stream_protocol;

namespace {

constexpr int most_waiting = 16;
constexpr std::size_t most_sessions = 16;
constexpr std::uint32_t most_head = 8 << 10; // bytes of a request, its body apart, which is never read
constexpr int answer_patience = 10;          // times that for a request
constexpr mode_t for_everybody = 0111;       // umask; as with a port; the folder says who comes near

using answer_body = http::span_body<const char>;

/// One connection: the head of a request is read and answered.
class session : public std::enable_shared_from_this<session> {
public:
    session(stream_protocol::socket s, std::shared_ptr<const metrics_source> source, milliseconds patience)
        : socket_(std::move(s)), source_(std::move(source)), patience_(patience),
          deadline_(socket_.get_executor()), buffer_(most_head) {}

    void start() {
        request_.header_limit(most_head);
        arm(patience_);
        http::async_read_header(socket_, buffer_, request_,
                                [self = shared_from_this()](boost::system::error_code failed, std::size_t) {
                                    self->answer(failed);
                                });
    }

    void close() {
        boost::system::error_code ignored;
        socket_.close(ignored);
        deadline_.cancel();
    }
    bool is_open() const { return socket_.is_open(); }

private:
    void arm(milliseconds wait) {
        deadline_.expires_after(wait);
        deadline_.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
            if (!stopped && self->deadline_.expiry() <= asio::steady_timer::clock_type::now()) self->close();
        });
    }

    void answer(boost::system::error_code failed) {
        if (failed == http::error::header_limit || failed == http::error::buffer_overflow)
            return refuse(http::status::request_header_fields_too_large);
        if (failed.category() == http::make_error_code(http::error::bad_method).category() &&
            failed != http::error::end_of_stream && failed != http::error::partial_message)
            return refuse(http::status::bad_request);
        if (failed) return close();
        const auto& asked = request_.get();
        const std::string_view target(asked.target().data(), asked.target().size());
        if (target.substr(0, target.find('?')) != "/metrics") return refuse(http::status::not_found);
        if (asked.method() != http::verb::get) return refuse(http::status::method_not_allowed);
        try {
            const auto accept = asked[http::field::accept];
            const auto form = report::asked_for({accept.data(), accept.size()});
            text_ = (*source_)(form);
            write(http::status::ok, report::media_type(form));
        } catch (const std::exception&) { // no memory, say
            refuse(http::status::internal_server_error);
        }
    }

    void refuse(http::status why) {
        const auto reason = http::obsolete_reason(why);
        const bool without_body = request_.get().method() == http::verb::head; // RFC 9110, section 9.3.2
        text_ = std::make_shared<const std::string>(
            without_body ? "" : std::string(reason.data(), reason.size()) + "\n");
        write(why, "text/plain; charset=utf-8");
    }

    void write(http::status status, std::string_view type) {
        response_.result(status);
        response_.version(11);
        response_.set(http::field::content_type, {type.data(), type.size()});
        response_.set(http::field::cache_control, "no-store");
        if (status == http::status::method_not_allowed) response_.set(http::field::allow, "GET");
        response_.keep_alive(false);
        response_.body() = {text_->data(), text_->size()};
        response_.prepare_payload();
        arm(patience_ * answer_patience);
        http::async_write(socket_, response_,
                          [self = shared_from_this()](boost::system::error_code, std::size_t) {
                              boost::system::error_code ignored;
                              self->socket_.shutdown(asio::socket_base::shutdown_send, ignored);
                              self->close();
                          });
    }

    stream_protocol::socket socket_;
    std::shared_ptr<const metrics_source> source_;
    milliseconds patience_;
    asio::steady_timer deadline_;
    boost::beast::flat_buffer buffer_;
    http::request_parser<http::empty_body> request_;
    http::response<answer_body> response_;
    std::shared_ptr<const std::string> text_; ///< the response's body is of it
};

} // namespace

class metrics_listener::impl : public std::enable_shared_from_this<impl> {
public:
    impl(asio::io_context& context, config::metrics_place where, metrics_source source, milliseconds patience)
        : acceptor_(context), pause_(context), where_(std::move(where)),
          source_(std::make_shared<const metrics_source>(std::move(source))), patience_(patience) {}

    result<void> listen() {
        const auto fail = [this](const std::string& why) {
            return error{"[metrics] listen: " + where_.to_string() + ": " + why};
        };
        boost::system::error_code failed;
        const auto endpoint = where_.path.empty() ? tcp_endpoint() : unix_endpoint();
        if (!where_.path.empty())
            if (const auto made = make_way(); !made) return fail(made.error().text);
        if (where_.path.empty())
            open_internet_socket(acceptor_, endpoint.protocol(), failed);
        else if (!failed)
            acceptor_.open(endpoint.protocol(), failed);
        // A restart finds connections of the one before in TIME_WAIT.
        if (!failed && where_.path.empty())
            acceptor_.set_option(asio::socket_base::reuse_address(true), failed);
        // Its mode by umask: a chmod by name would follow a link that somebody put in its place.
        const auto umask_before = ::umask(for_everybody);
        if (!failed) acceptor_.bind(endpoint, failed);
        ::umask(umask_before);
        bound_ = !failed && !where_.path.empty();
        if (!failed) acceptor_.listen(most_waiting, failed);
        if (failed) return fail(failed.message());
        accept();
        return {};
    }

    void close() {
        boost::system::error_code ignored;
        if (std::exchange(bound_, false)) ::unlink(where_.path.c_str());
        acceptor_.close(ignored);
        pause_.cancel();
        for (const auto& s : sessions_)
            if (const auto open = s.lock()) open->close();
    }

private:
    stream_protocol::endpoint tcp_endpoint() const {
        const auto bytes = where_.host.bytes();
        asio::ip::address a;
        if (where_.host.is_v4()) {
            asio::ip::address_v4::bytes_type b{};
            std::ranges::copy(bytes, b.begin());
            a = asio::ip::address_v4(b);
        } else {
            asio::ip::address_v6::bytes_type b{};
            std::ranges::copy(bytes, b.begin());
            a = asio::ip::address_v6(b);
        }
        const asio::ip::tcp::endpoint e(a, where_.port);
        return {e.data(), e.size(), IPPROTO_TCP};
    }
    stream_protocol::endpoint unix_endpoint() const {
        const asio::local::stream_protocol::endpoint e(where_.path);
        return {e.data(), e.size(), 0};
    }

    /// A socket that nobody listens at any more is taken away.
    result<void> make_way() const {
        if (somebody_listens(where_.path)) return error{"somebody listens there already"};
        std::error_code ignored;
        std::filesystem::create_directories(std::filesystem::path(where_.path).parent_path(), ignored);
        struct stat found{};
        if (::lstat(where_.path.c_str(), &found) != 0) return {};
        if (!S_ISSOCK(found.st_mode)) return error{"expected a socket or nothing there"};
        ::unlink(where_.path.c_str());
        return {};
    }

    void accept() {
        if (!acceptor_.is_open()) return;
        acceptor_.async_accept(
            [self = shared_from_this()](boost::system::error_code failed, stream_protocol::socket s) {
                if (!self->acceptor_.is_open()) return;
                if (failed) return self->accept_later(); // out of descriptors, say: at once would spin
                try {
                    self->serve(std::move(s));
                    self->accept();
                } catch (const std::exception&) { // no memory, say
                    self->accept_later();
                }
            });
    }

    void accept_later() {
        pause_.expires_after(patience_);
        pause_.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
            if (!stopped) self->accept();
        });
    }

    void serve(stream_protocol::socket socket) {
        std::erase_if(sessions_, [](const auto& s) {
            const auto open = s.lock();
            return !open || !open->is_open();
        });
        if (sessions_.size() >= most_sessions) {
            if (const auto oldest = sessions_.front().lock()) oldest->close();
            sessions_.pop_front();
        }
        const auto s = std::make_shared<session>(std::move(socket), source_, patience_);
        sessions_.push_back(s);
        s->start();
    }

    asio::basic_socket_acceptor<stream_protocol> acceptor_;
    asio::steady_timer pause_;
    config::metrics_place where_;
    std::shared_ptr<const metrics_source> source_;
    milliseconds patience_;
    bool bound_ = false;                         ///< the path is ours
    std::list<std::weak_ptr<session>> sessions_; ///< the oldest first
};

metrics_listener::metrics_listener(std::shared_ptr<impl> i) : impl_(std::move(i)) {}
metrics_listener::metrics_listener(metrics_listener&&) noexcept = default;
metrics_listener& metrics_listener::operator=(metrics_listener&& other) noexcept {
    if (impl_) impl_->close();
    impl_ = std::move(other.impl_);
    return *this;
}
metrics_listener::~metrics_listener() {
    if (impl_) impl_->close();
}

result<metrics_listener> metrics_listener::open(asio::io_context& context, const config::metrics_place& where,
                                                metrics_source source, milliseconds patience) {
    auto i = std::make_shared<impl>(context, where, std::move(source), patience);
    if (auto listening = i->listen(); !listening) {
        i->close();
        return listening.error();
    }
    return metrics_listener(std::move(i));
}

} // namespace chronoknock::io
