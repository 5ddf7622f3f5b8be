#pragma once

#include "base/port_set.hpp"
#include "base/reader.hpp"
#include "method/sealed/request.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace chronoknock::sealed {

enum class order {
    indexed,   ///< each digit has ports of its own: digit i goes to base + digit + i * 2^bits
    sequential ///< all have the same 2^bits ports, and come in order
};

/// How the bits of a message become ports: in digits of `bits`, the most significant first, the last one
/// filled up with zero bits (chronoknock-protocol(7), METHODS).
struct layout {
    std::uint16_t base = 1024;
    std::uint8_t bits = 10; ///< 1 to 16
    sealed::order order = sealed::order::indexed;

    static constexpr std::size_t message_bits = 8 * message_size;
    std::size_t digits() const { return (message_bits + bits - 1) / bits; }
    /// Zero bits at the end of the last digit.
    unsigned filling() const { return static_cast<unsigned>(digits() * bits - message_bits); }
    std::uint32_t first_of(std::size_t digit) const {
        return base + (order == order::indexed ? static_cast<std::uint32_t>(digit << bits) : 0u);
    }
    /// The last port of all: more than 65535 if the layout does not fit.
    std::uint32_t last_port() const { return first_of(digits() - 1) + (1u << bits) - 1; }
    port_range range() const { return {base, static_cast<std::uint16_t>(last_port())}; }
    auto operator<=>(const layout&) const = default;
};

/// The ports of a message, in order. The layout fits.
std::vector<std::uint16_t> ports_of(const message& m, const layout& l);

/// The message of such digits, l.digits() of them; nothing if the bits beyond its end are not zero.
std::optional<message> assemble(std::span<const std::uint16_t> digits, const layout& l);

} // namespace chronoknock::sealed
