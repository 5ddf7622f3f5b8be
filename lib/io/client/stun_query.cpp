#include "io/client/stun_query.hpp"

#include "io/client/endpoint.hpp"
#include "io/client/knocker.hpp"
#include "io/system/random.hpp"
#include "io/time/lookup.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>

namespace chronoknock::io {

namespace {

namespace asio = boost::asio;
using asio::ip::udp;

constexpr auto token = asio::as_tuple(asio::use_awaitable);
// RFC 8489, section 6.2.1: the first time to wait for an answer; each further one is twice as long.
constexpr nanoseconds first_wait = milliseconds(500);
constexpr std::size_t longest_answer = 2048;

error why(const boost::system::error_code& ec) { return {ec.message()}; }

/// One server's socket. The timer ends a wait for an answer.
struct question {
    explicit question(asio::any_io_executor executor) : socket(executor), timer(executor) {}

    udp::socket socket;
    asio::steady_timer timer;
    client::stun_transaction id{};
    std::array<std::uint8_t, longest_answer> bytes{};

    result<void> open(const udp::endpoint& to, const address& source) {
        const auto random = random_secret(id.size());
        if (!random) return random.error();
        std::ranges::copy(*random, id.begin());
        boost::system::error_code ec;
        socket.open(to.protocol(), ec);
        if (!ec && is_local(source)) socket.bind(udp::endpoint{to_asio(source), 0}, ec);
        if (!ec) socket.connect(to, ec); // others are not heard
        if (ec) return why(ec);
        return {};
    }

    result<void> send() {
        const auto request = client::stun_request(id);
        boost::system::error_code ec;
        socket.send(asio::buffer(request), 0, ec);
        if (ec) return why(ec);
        return {};
    }

    static void end_wait_after(const std::shared_ptr<question>& q, nanoseconds time) {
        q->timer.expires_after(time);
        q->timer.async_wait([weak = std::weak_ptr(q)](boost::system::error_code ec) {
            const auto self = weak.lock();
            boost::system::error_code ignored;
            if (!ec && self) self->socket.cancel(ignored);
        });
    }
};

/// Runs for as long as its context does, if the server is silent. asked: where it was asked.
asio::awaitable<result<address>> ask(std::shared_ptr<lookup> names, config::stun_server server,
                                     address source, std::optional<address>& asked) {
    const auto executor = co_await asio::this_coro::executor;
    const auto found = co_await names->resolve(server.where.host);
    if (!found) co_return found.error();
    const auto to = std::ranges::find(*found, source.is_v4(), &address::is_v4);
    if (to == found->end()) {
        const std::string family = source.is_v4() ? "IPv4" : "IPv6";
        co_return error{"it has no " + family + " address"};
    }
    asked = *to;
    const auto q = std::make_shared<question>(executor);
    const udp::endpoint there{to_asio(*to), server.where.port};
    if (const auto opened = q->open(there, source); !opened) co_return opened.error();
    for (auto wait = first_wait;; wait *= 2) {
        if (const auto sent = q->send(); !sent) co_return sent.error();
        question::end_wait_after(q, wait);
        for (;;) {
            const auto buffer = asio::buffer(q->bytes);
            const auto [ec, size] = co_await q->socket.async_receive(buffer, token);
            if (ec == asio::error::operation_aborted) break;
            if (ec) co_return why(ec);
            const auto answer = client::read_stun_answer(std::span(q->bytes).first(size), q->id);
            if (!answer) continue;
            if (*answer && (*answer)->is_v4() != source.is_v4())
                co_return error{"it says " + (*answer)->to_string() + ", of another family"};
            co_return *answer;
        }
    }
}

} // namespace

result<client::stun_agreement> ask_stun(const std::vector<config::stun_server>& servers,
                                        const address& source, const stun_options& options) {
    std::vector<client::stun_answer> answers;
    for (const auto& s : servers) answers.push_back({s.to_string(), error{"no answer"}});
    asio::io_context context;
    const auto names = std::make_shared<lookup>(context.get_executor());
    auto left = servers.size();
    for (std::size_t i = 0; i < servers.size(); ++i)
        co_spawn(context, ask(names, servers[i], source, answers[i].asked),
                 [&answers, &left, &context, i](std::exception_ptr failure, result<address> said) {
                     if (!failure) answers[i].mapped = std::move(said);
                     if (--left == 0) context.stop();
                 });
    const std::stop_callback stopped(options.stop, [&context] { context.stop(); });
    context.run_for(options.patience);
    names->close();
    return client::agreed_address(answers);
}

} // namespace chronoknock::io
