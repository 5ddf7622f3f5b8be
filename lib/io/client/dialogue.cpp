#include "io/client/dialogue.hpp"

#include "io/system/clock.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <utility>
#include <vector>

namespace chronoknock::io {

namespace {

using namespace std::chrono_literals;

// Each round is answered, and the server answers eight times at most. The waits after them are 0.2, 0.4, ...
// 1.2 s and end within the time that it remembers a request for.
constexpr std::uint32_t most_rounds = 6;
constexpr nanoseconds first_wait = 200ms;
constexpr nanoseconds last_wait = 2s;
constexpr std::size_t longest_answer = 2048;

error why(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

class dialogue {
public:
    dialogue(const knock_order& order, const responder& respond) : order_(order), respond_(respond) {}

    result<void> open() {
        socket_ = descriptor(::socket(order_.to.ip.is_v4() ? AF_INET : AF_INET6,
                                      SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (!socket_) return why("cannot make a socket");
        // Not connected: the answer may come from any port of the request, and ICMP is not heard of (ip(7)).
        if (!order_.bind) return {};
        const auto from = to_socket_address(*order_.bind, 0, order_.to.scope);
        if (::bind(socket_.get(), from.get(), from.size) != 0)
            return why("cannot send from " + order_.bind->to_string());
        return {};
    }
    int socket() const { return socket_.get(); }
    std::uint32_t sent() const { return sent_; }
    std::uint32_t rounds() const { return rounds_; }

    /// The response, once there is an answer.
    result<std::optional<client::plan>> ask() {
        const auto& p = order_.pace;
        const auto most = p.least == p.most ? p.most : most_rounds;
        auto wait = first_wait;
        while (rounds_ < most && !ended_) {
            if (const auto done = send_round(); !done) return done.error();
            const bool last = rounds_ == most;
            if (auto found = await(last ? last_wait : wait)) return found;
            wait += first_wait;
        }
        return std::optional<client::plan>();
    }

private:
    /// A round is finished even if an answer to the last one is there, for a server in strict mode.
    result<void> send_round() {
        for (std::size_t i = 0; i < order_.shots.size(); ++i) {
            const auto& shot = order_.shots[i];
            const auto to = to_socket_address(order_.to.ip, shot.port, order_.to.scope);
            if (::sendto(socket_.get(), shot.payload.data(), shot.payload.size(), 0, to.get(), to.size) < 0 &&
                errno != ECONNREFUSED)
                return why("cannot send to " + order_.to.ip.to_string());
            ++sent_;
            if (order_.pace.gap > nanoseconds(0) && i + 1 < order_.shots.size()) pause(order_.pace.gap);
        }
        ++rounds_;
        return {};
    }

    static void pause(nanoseconds time) {
        const timespec limit{time / 1s, (time % 1s).count()};
        ::ppoll(nullptr, 0, &limit, nullptr);
    }

    std::optional<client::plan> await(nanoseconds time) {
        const auto until = boot_now() + time;
        for (;;) {
            const auto left = until - boot_now();
            if (left <= nanoseconds(0)) return std::nullopt;
            std::array<pollfd, 2> polled{{{socket_.get(), POLLIN, 0}, {order_.end, POLLIN, 0}}};
            const timespec limit{left / 1s, (left % 1s).count()};
            if (::ppoll(polled.data(), polled.size(), &limit, nullptr) <= 0) continue;
            if (polled[1].revents != 0) {
                ended_ = true;
                return std::nullopt;
            }
            if (auto found = receive()) return found;
        }
    }

    /// What one datagram says, if it is an answer to the request.
    std::optional<client::plan> receive() {
        std::array<std::uint8_t, longest_answer> bytes;
        socket_address from;
        from.size = sizeof from.storage;
        const auto n = ::recvfrom(socket_.get(), bytes.data(), bytes.size(), 0, from.get(), &from.size);
        if (n < 0) return std::nullopt;
        const auto source = to_destination(from.get());
        if (!source || source->ip != order_.to.ip || !was_knocked_at(port_of(from))) return std::nullopt;
        auto response = respond_({bytes.data(), static_cast<std::size_t>(n)});
        if (!response) return std::nullopt;
        return std::move(*response);
    }

    bool was_knocked_at(std::uint16_t port) const {
        return std::ranges::any_of(order_.shots, [port](const client::shot& s) { return s.port == port; });
    }

    static std::uint16_t port_of(const socket_address& s) {
        return s.storage.ss_family == AF_INET
                   ? ntohs(reinterpret_cast<const sockaddr_in&>(s.storage).sin_port)
                   : ntohs(reinterpret_cast<const sockaddr_in6&>(s.storage).sin6_port);
    }

    const knock_order& order_;
    const responder& respond_;
    descriptor socket_;
    std::uint32_t sent_ = 0;
    std::uint32_t rounds_ = 0;
    bool ended_ = false; ///< as order_.end says
};

} // namespace

result<knock_report> send_dialogue(knock_order order, const responder& respond,
                                   std::vector<descriptor> tries) {
    dialogue d(order, respond);
    if (const auto opened = d.open(); !opened) return opened.error();
    auto response = d.ask();
    if (!response) return response.error();
    if (!*response) return knock_report{.syns = d.sent(), .rounds = d.rounds(), .unanswered = true};
    order.shots = std::move((*response)->shots);
    order.socket = d.socket();
    auto report = send_knock(order, nullptr, std::move(tries));
    if (!report) return report;
    report->syns += d.sent();
    report->rounds += d.rounds();
    return report;
}

} // namespace chronoknock::io
