#pragma once

#include "base/reader.hpp"
#include "packet/capture_wish.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace chronoknock::packet {

/// A name of the DNS in lower case, with dots between its labels and none at the end.
struct dns_name {
    std::array<char, 255> text;
    std::size_t size = 0;
    std::string_view view() const { return {text.data(), size}; }
};

inline constexpr std::uint16_t dns_port = 53;
/// Datagrams that can be questions: to port 53, with a header, a name of one character, type and class at
/// least, and whatever follows, as far as RFC 1035 (section 4.2.1) has it.
datagram_wish dns_questions();

/// The name that a message asks for, if it is a standard query with one question (RFC 1035, sections 4.1 and
/// 2.3.4), whatever follows that; its labels of letters, digits, - and _ only. Never throws.
std::optional<dns_name> dns_question(byte_view message);

/// A query for the addresses (type A) of a name, as a stub resolver sends it: recursion desired. The name's
/// labels have 1 to 63 bytes, all of it 253 at most.
std::vector<std::uint8_t> make_dns_question(std::string_view name, std::uint16_t id);

} // namespace chronoknock::packet
