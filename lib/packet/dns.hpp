#pragma once

#include "base/reader.hpp"

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
/// Bytes of a message that may matter to dns_question(): its header, a name, type and class.
inline constexpr std::size_t most_of_dns_question = 12 + 255 + 4;

/// The name that a message asks for, if it is a standard query with one question (RFC 1035, sections 4.1 and
/// 2.3.4), whatever follows that; its labels of letters, digits, - and _ only. Never throws.
std::optional<dns_name> dns_question(byte_view message);

/// A query for the addresses (type A) of a name, as a stub resolver sends it: recursion desired. The name's
/// labels have 1 to 63 bytes, all of it 253 at most.
std::vector<std::uint8_t> make_dns_question(std::string_view name, std::uint16_t id);

} // namespace chronoknock::packet
