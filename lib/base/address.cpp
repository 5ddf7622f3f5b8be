#include "base/address.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>

namespace chronoknock {

address address::v4(std::span<const std::uint8_t, 4> bytes) {
    // Written as a whole: one is made for each packet, and what is read as a whole soon after it was written
    // in parts has to wait for the parts.
    using whole [[gnu::vector_size(16)]] = std::uint32_t;
    whole value{};
    std::uint32_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    value[0] = number;
    address a;
    static_assert(sizeof value == sizeof a.bytes_);
    std::memcpy(a.bytes_.data(), &value, sizeof value);
    return a;
}

address address::v6(std::span<const std::uint8_t, 16> bytes) {
    static constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::ranges::equal(bytes.first<12>(), mapped)) return v4(bytes.last<4>());
    address a;
    std::ranges::copy(bytes, a.bytes_.begin());
    a.v4_ = false;
    return a;
}

result<address> address::parse(std::string_view text) {
    const std::string s{text};
    std::array<std::uint8_t, 16> raw{};
    if (inet_pton(AF_INET, s.c_str(), raw.data()) == 1) return v4(std::span{raw}.first<4>());
    if (inet_pton(AF_INET6, s.c_str(), raw.data()) == 1) return v6(raw);
    return error{"expected an IPv4 or IPv6 address, not '" + printable(text) + "'"};
}

std::string address::to_string() const {
    char text[INET6_ADDRSTRLEN];
    return inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
}

prefix::prefix(const address& one) : prefix(one, 128) {}

prefix::prefix(const address& any, unsigned most) : network(any) {
    std::array<std::uint8_t, 16> bytes{};
    const auto all = any.bytes();
    length = static_cast<std::uint8_t>(std::min<std::size_t>(most, 8 * all.size()));
    if (is_single()) return;
    std::ranges::copy(all, bytes.begin());
    for (unsigned bit = length; bit < 8 * all.size(); ++bit)
        bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> bit % 8));
    network = any.is_v4() ? address::v4(std::span(bytes).first<4>()) : address::v6(bytes);
}

result<prefix> prefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    auto network = address::parse(text.substr(0, slash));
    if (!network) return network.error();
    if (slash == text.npos) return prefix(*network);
    const auto length =
        parse_number(text.substr(slash + 1), 0, static_cast<std::int64_t>(8 * network->bytes().size()));
    if (!length) return error{"prefix length: " + length.error().text};
    const prefix p(*network, static_cast<unsigned>(*length));
    if (p.network != *network)
        return error{"expected zeros beyond the prefix length in '" + printable(text) + "'"};
    return p;
}

bool prefix::contains(const address& a) const {
    if (a.is_v4() != network.is_v4()) return false;
    for (unsigned bit = 0; bit < length; ++bit)
        if ((a.bytes()[bit / 8] ^ network.bytes()[bit / 8]) >> (7 - bit % 8) & 1) return false;
    return true;
}

bool prefix::overlaps(const prefix& other) const {
    return length <= other.length ? contains(other.network) : other.contains(network);
}

bool address::is_link_local() const {
    static const auto networks = [] {
        std::vector<prefix> all;
        for (const auto* text : {"169.254.0.0/16", "127.0.0.0/8", "fe80::/10", "::1"})
            all.push_back(*prefix::parse(text));
        return all;
    }();
    return std::ranges::any_of(networks, [this](const prefix& p) { return p.contains(*this); });
}

bool address::is_local() const {
    static const auto networks = [] {
        std::vector<prefix> all;
        for (const auto* text : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                                 "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1"})
            all.push_back(*prefix::parse(text));
        return all;
    }();
    return std::ranges::any_of(networks, [this](const prefix& p) { return p.contains(*this); });
}

std::string prefix::to_string() const {
    return network.to_string() + (is_single() ? "" : "/" + std::to_string(length));
}

} // namespace chronoknock
