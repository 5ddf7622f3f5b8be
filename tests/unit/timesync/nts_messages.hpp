#pragma once

#include "timesync/nts.hpp"

#include <algorithm>
#include <string_view>

/// What a server and a client under NTS say.
namespace nts_messages {

using namespace chronoknock::timesync;

using bytes = std::vector<std::uint8_t>;

inline siv::key_bytes key_of(std::uint8_t mark) {
    siv::key_bytes k{};
    k.fill(mark);
    return k;
}

inline nts_session session_with(std::size_t cookies, std::size_t size = 100) {
    nts_session s{siv{key_of(1)}, siv{key_of(2)}, {}};
    for (std::size_t i = 0; i < cookies; ++i) s.cookies.emplace_back(size, static_cast<std::uint8_t>(i + 1));
    return s;
}

inline nts_random random_bytes() {
    nts_random r{};
    r.unique_id.fill(0xaa);
    r.nonce.fill(0xbb);
    return r;
}

inline const std::array<std::uint8_t, ntp_header_size> header{0x23};

inline bytes authenticated(bytes packet, const bytes& hidden, const siv& key,
                           const bytes& nonce = bytes(16, 7)) {
    const auto sealed = key.seal({packet, nonce}, hidden).value();
    bytes body{0, static_cast<std::uint8_t>(nonce.size()), static_cast<std::uint8_t>(sealed.size() >> 8),
               static_cast<std::uint8_t>(sealed.size())};
    const auto put = [&](const bytes& b) {
        body.insert(body.end(), b.begin(), b.end());
        body.resize((body.size() + 3) / 4 * 4);
    };
    put(nonce);
    put(sealed);
    append_extension_field(packet, 0x0404, body);
    return packet;
}

/// A server's answer by the RFC, with new cookies of 100 bytes.
inline bytes answer(const nts_unique_id& id, std::size_t cookies, const siv& key = siv{key_of(2)}) {
    bytes packet(ntp_header_size, 0x11);
    append_extension_field(packet, 0x0104, id);
    bytes hidden;
    for (std::size_t i = 0; i < cookies; ++i) append_extension_field(hidden, 0x0204, bytes(100, 0xcc));
    return authenticated(packet, hidden, key);
}

inline bytes nak(const nts_unique_id& id) {
    bytes packet(ntp_header_size);
    packet[0] = 0xe4;
    std::ranges::copy(std::string_view{"NTSN"}, packet.begin() + 12);
    append_extension_field(packet, 0x0104, id);
    return packet;
}

} // namespace nts_messages
