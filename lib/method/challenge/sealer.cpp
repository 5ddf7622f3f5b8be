#include "method/challenge/sealer.hpp"

#include <algorithm>

namespace chronoknock::challenge {

namespace {

constexpr std::size_t address_size = 16;

/// An address in 16 bytes, an IPv4 address as an IPv4-mapped IPv6 one (RFC 4291, section 2.5.5.2).
std::array<std::uint8_t, address_size> address16(const address& a) {
    std::array<std::uint8_t, address_size> bytes{};
    if (a.is_v4()) bytes[10] = bytes[11] = 0xff;
    std::ranges::copy(a.bytes(), bytes.end() - static_cast<std::ptrdiff_t>(a.bytes().size()));
    return bytes;
}

key::siv make_siv(const key::psk& k, key::expander& expand) {
    key::label label;
    label.begin(k.realm, "", "challenge");
    return key::siv::derive(expand, label.bytes());
}

std::array<std::uint8_t, 8> time8(std::int64_t t0) {
    std::array<std::uint8_t, 8> bytes;
    key::store_time(t0, bytes.data());
    return bytes;
}

} // namespace

sealer::sealer(const key::psk& k)
    : realm_(k.realm), ports_(k.ports), length_(k.length), expand_(k.digest, k.secret),
      siv_(make_siv(k, expand_)) {}

result<std::vector<std::uint8_t>> sealer::seal(std::int64_t t0, const message& m) const {
    std::vector<std::uint8_t> plain(m.nonce.begin(), m.nonce.end());
    const auto ip = address16(m.source);
    plain.insert(plain.end(), ip.begin(), ip.end());
    plain.push_back(static_cast<std::uint8_t>(m.port >> 8));
    plain.push_back(static_cast<std::uint8_t>(m.port));
    return siv_.seal({time8(t0)}, plain);
}

result<message> sealer::open(std::int64_t t0, byte_view sealed) const {
    message m;
    // Whatever has another length is not worth a decryption.
    if (sealed.size() != key::siv::tag_size + m.nonce.size() + address_size + 2)
        return error{"no challenge: of another length"};
    const auto plain = siv_.open({time8(t0)}, sealed);
    if (!plain) return plain.error();
    reader in(*plain);
    std::ranges::copy(in.bytes(m.nonce.size()), m.nonce.begin());
    const auto ip = in.bytes(address_size);
    m.source = address::v6(ip.first<address_size>());
    m.port = in.u16();
    return m;
}

std::vector<std::uint16_t> sealer::response(const nonce_bytes& nonce, const address& source,
                                            std::string_view service) {
    label_.begin(realm_, service, "response");
    label_.add(nonce);
    label_.add(address16(source));
    std::vector<std::uint8_t> words(2 * length_);
    expand_.expand(label_.bytes(), words);
    std::vector<std::uint16_t> out(length_);
    key::to_ports(ports_, words.data(), out);
    return out;
}

} // namespace chronoknock::challenge
