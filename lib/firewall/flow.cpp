#include "firewall/flow.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace chronoknock::firewall {

namespace {

/// States of include/net/tcp_states.h in which the peer may still send, or wait for, data.
bool is_open(unsigned state) {
    constexpr unsigned established = 1, fin_wait1 = 4, fin_wait2 = 5, close_wait = 8, last_ack = 9,
                       closing = 11;
    switch (state) {
    case established:
    case fin_wait1:
    case fin_wait2:
    case close_wait:
    case last_ack:
    case closing:
        return true;
    default:
        return false;
    }
}

template <class Number>
std::optional<Number> hex(std::string_view digits) {
    Number n = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), n, 16);
    if (failure != std::errc{} || end != digits.data() + digits.size()) return {};
    return n;
}

std::string_view next_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const auto word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
    return word;
}

struct endpoint {
    address where;
    std::uint16_t port;
};

std::optional<endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.find(':');
    if (colon != 8 && colon != 32) return {};
    const auto port = hex<std::uint16_t>(text.substr(colon + 1));
    if (!port) return {};
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < colon / 8; ++i) {
        const auto word = hex<std::uint32_t>(text.substr(8 * i, 8));
        if (!word) return {};
        std::memcpy(bytes.data() + 4 * i, &*word, 4);
    }
    if (colon == 8) return endpoint{address::v4(std::span(bytes).first<4>()), *port};
    return endpoint{address::v6(bytes), *port};
}

/// Calls `each` with both ends and the state of each socket in the text.
template <class Each>
void for_each_socket(std::string_view text, Each each) {
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        next_word(line); // the line's number
        const auto local = parse_endpoint(next_word(line));
        const auto remote = parse_endpoint(next_word(line));
        const auto state = hex<unsigned>(next_word(line));
        if (local && remote && state) each(*local, *remote, *state);
    }
}

} // namespace

std::vector<flow> parse_proc_net_tcp(std::string_view text) {
    std::vector<flow> open;
    for_each_socket(text, [&](const endpoint& local, const endpoint& remote, unsigned state) {
        if (is_open(state)) open.push_back({transport::tcp, remote.where, remote.port, local.port});
    });
    return open;
}

std::set<std::uint16_t> parse_listening_ports(std::string_view text) {
    constexpr unsigned listening = 10;
    std::set<std::uint16_t> ports;
    for_each_socket(text, [&](const endpoint& local, const endpoint&, unsigned state) {
        if (state == listening) ports.insert(local.port);
    });
    return ports;
}

} // namespace chronoknock::firewall
