#include "io/helper/helper_process.hpp"

#include "io/helper/frames.hpp"
#include "io/helper/peer.hpp"
#include "io/helper/serve.hpp"
#include "io/system/spare_descriptors.hpp"

#include <cerrno>
#include <cstring>
#include <exception>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

using namespace std::chrono_literals;

constexpr nanoseconds patience_end = 1s; // it is there when it is asked for

std::span<const std::uint8_t> bytes(const key::secret_text& text) {
    return bytes_of({text.data(), text.size()});
}

} // namespace

result<helper_process> helper_process::start(const helper_site& site) {
    auto ends = socket_pair(SOCK_SEQPACKET);
    if (!ends) return ends.error();
    const auto server = ::getpid();
    const auto pid = ::fork();
    if (pid < 0) return error{std::string("helper: cannot be started: ") + std::strerror(errno)};
    if (pid == 0) {
        ends->first = descriptor();
        serve_parent(std::move(ends->second), site, server);
    }
    return helper_process(pid, std::move(ends->first), false);
}

result<helper_process> helper_process::connect(const std::string& path) {
    auto channel = connect_to_helper(path);
    if (!channel) return channel.error();
    const auto pid = await_greeting(channel->get());
    if (!pid) return error{"helper: " + path + ": " + pid.error().text};
    return helper_process(*pid, std::move(*channel), true);
}

result<descriptor> helper_process::begin(const helper::request& r) const {
    auto ends = socket_pair(SOCK_STREAM);
    if (!ends) return ends.error();
    if (!send_descriptor(channel_.get(), static_cast<std::uint8_t>(r.index()), ends->second.get()))
        return error{"helper: it has ended"};
    ends->second = descriptor();
    constexpr timeval longest_send{20, 0}; // a helper that is stopped holds nobody up for ever
    ::setsockopt(ends->first.get(), SOL_SOCKET, SO_SNDTIMEO, &longest_send, sizeof longest_send);
    if (!send_frame(ends->first.get(), encode(r)))
        return error{"helper: it has ended, or has too much to do"};
    return std::move(ends->first);
}

result<key::secret_text> helper_process::ask(const helper::request& r, std::size_t most) const {
    const auto stream = begin(r);
    if (!stream) return stream.error();
    return receive_frame(stream->get(), most, helper::limits[r.index()].time);
}

result<helper::refusal_of_nft> helper_process::write_guard(const firewall::nft_order& order) const {
    const spare_descriptors freed; // the guard comes back with no descriptor free
    const auto answer = ask(helper::write_guard{order}, helper::most_answer);
    if (!answer) return answer.error();
    return helper::decode_refusal(bytes(*answer));
}

result<void> helper_process::keep_guard(const firewall::rules& rules) const {
    const auto answer = ask(helper::keep_guard{rules}, helper::most_answer);
    if (!answer) return answer.error();
    if (const auto done = helper::decode_flag(bytes(*answer)); !done) return done.error();
    return {};
}

result<void> helper_process::restore_guard() const {
    const auto answer = ask(helper::restore_guard{}, helper::most_answer);
    if (!answer) return answer.error();
    if (const auto done = helper::decode_flag(bytes(*answer)); !done) return done.error();
    return {};
}

result<bool> helper_process::remove_guard() const {
    const auto answer = ask(helper::remove_guard{}, helper::most_answer);
    if (!answer) return answer.error();
    return helper::decode_flag(bytes(*answer));
}

result<bool> helper_process::find_translation() const {
    const auto answer = ask(helper::find_translation{}, helper::most_answer);
    if (!answer) return answer.error();
    return helper::decode_flag(bytes(*answer));
}

result<helper::configuration_texts> helper_process::read_configuration() const {
    const auto answer = ask(helper::read_configuration{}, helper::most_texts);
    if (!answer) return answer.error();
    return helper::decode_texts(bytes(*answer));
}

void helper_process::take_up() const { (void)begin(helper::take_up{}); }

result<std::vector<address>> helper_process::look_up(const std::string& host) const {
    const auto answer = ask(helper::look_up{host}, helper::most_answer);
    if (!answer) return answer.error();
    return helper::decode_addresses(bytes(*answer));
}

descriptor helper_process::open_socket(int family, int type, int protocol) const {
    using kind = helper::open_socket::kind;
    const auto wanted = protocol == IPPROTO_RAW ? kind::sender
                        : type == SOCK_DGRAM    ? kind::datagram
                                                : kind::stream;
    const auto failed = [](int number) {
        errno = number;
        return descriptor();
    };
    const helper::open_socket asked{static_cast<std::uint8_t>(family == AF_INET ? 4 : 6), wanted};
    const auto stream = begin(asked);
    if (!stream) return failed(EAGAIN);
    const auto time = helper::limits[helper::request(asked).index()].time;
    const auto answer = receive_frame(stream->get(), helper::most_answer, time);
    const auto number = answer ? helper::decode_number(bytes(*answer)) : answer.error();
    if (!number) return failed(EAGAIN);
    if (*number != 0) return failed(static_cast<int>(*number));
    const timeval longest{time.count(), 0};
    ::setsockopt(stream->get(), SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
    auto got = receive_descriptor(stream->get());
    return got && got->mark == socket_mark && got->passed ? std::move(got->passed) : failed(EAGAIN);
}

result<descriptor> helper_process::run_program(helper::program which, std::vector<std::string> command,
                                               std::vector<std::string> facts) const {
    return begin(helper::run_program{which, std::move(command), std::move(facts)});
}

result<helper::program_end> helper_process::end_of(int stream) {
    const auto answer = receive_frame(stream, helper::most_answer, patience_end);
    if (!answer) return answer.error();
    return helper::decode_end(bytes(*answer));
}

bool helper_process::opens_packet_sockets_for(descriptor listener) const {
    return send_descriptor(channel_.get(), listener_mark, listener.get());
}

} // namespace chronoknock::io
