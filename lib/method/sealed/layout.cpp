#include "method/sealed/layout.hpp"

namespace chronoknock::sealed {

std::vector<std::uint16_t> ports_of(const message& m, const layout& l) {
    std::vector<std::uint16_t> ports;
    ports.reserve(l.digits());
    std::uint32_t waiting = 0;
    unsigned have = 0;
    const auto put = [&](std::uint32_t digit) {
        ports.push_back(static_cast<std::uint16_t>(l.first_of(ports.size()) + digit));
    };
    const std::uint32_t mask = (1u << l.bits) - 1;
    for (const auto byte : m) {
        waiting = waiting << 8 | byte;
        for (have += 8; have >= l.bits; have -= l.bits) put(waiting >> (have - l.bits) & mask);
    }
    if (have > 0) put(waiting << (l.bits - have) & mask);
    return ports;
}

std::optional<message> assemble(std::span<const std::uint16_t> digits, const layout& l) {
    message m{};
    std::size_t bytes = 0;
    std::uint32_t waiting = 0;
    unsigned have = 0;
    for (const auto digit : digits) {
        waiting = waiting << l.bits | digit;
        for (have += l.bits; have >= 8; have -= 8) {
            const auto byte = static_cast<std::uint8_t>(waiting >> (have - 8));
            if (bytes < m.size())
                m[bytes++] = byte;
            else if (byte != 0)
                return {};
        }
    }
    if (bytes != m.size() || (waiting & ((1u << have) - 1)) != 0) return {};
    return m;
}

} // namespace chronoknock::sealed
