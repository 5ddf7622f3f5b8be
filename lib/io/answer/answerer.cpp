#include "io/answer/answerer.hpp"

#include "io/log/log.hpp"
#include "io/system/internet_socket.hpp"
#include "packet/to_packet.hpp"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <utility>

namespace chronoknock::io {

namespace {

constexpr nanoseconds quiet = std::chrono::minutes(1);

// IPPROTO_RAW: whole packets are sent, and none are received (raw(7)).
descriptor open_raw(bool v4) { return open_internet_socket(v4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW); }

} // namespace

void answerer::send(const packet::datagram& d, instant now) {
    const bool v4 = d.destination.is_v4();
    auto& s = sockets_[v4 ? 0 : 1];
    if (!s) s = open_raw(v4);
    if (!s) return failed(errno, now);
    const auto bytes = packet::to_packet(d);
    ssize_t sent = 0;
    if (v4) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        std::memcpy(&to.sin_addr, d.destination.bytes().data(), sizeof to.sin_addr);
        sent = ::sendto(s.get(), bytes.data(), bytes.size(), MSG_DONTWAIT,
                        reinterpret_cast<const sockaddr*>(&to), sizeof to);
    } else {
        sockaddr_in6 to{};
        to.sin6_family = AF_INET6;
        std::memcpy(&to.sin6_addr, d.destination.bytes().data(), sizeof to.sin6_addr);
        sent = ::sendto(s.get(), bytes.data(), bytes.size(), MSG_DONTWAIT,
                        reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
    if (sent < 0) failed(errno, now);
}

void answerer::failed(int reason, instant now) {
    ++lost_;
    if (told_ && now - *told_ < quiet) return;
    told_ = now;
    log::warning("cannot send an answer: " + std::string(std::strerror(reason)) + "; " +
                 std::to_string(std::exchange(lost_, 0)) + " lost");
}

} // namespace chronoknock::io
