#include "method/fwknop/packet.hpp"

#include "key/base64.hpp"

#include <algorithm>
#include <array>

namespace chronoknock::fwknop {

namespace {

/// What base64 of "Salted__" begins with; the next character has its last four bits, all ones, and two of the
/// salt.
constexpr std::string_view omitted = "U2FsdGVkX1";
constexpr std::string_view first_characters = "89+/";

byte_view bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

} // namespace

std::string seal(byte_view secret, key::hmac& mac, std::span<const std::uint8_t, key::cipher_salt_size> salt,
                 std::string_view plain) {
    const auto text = key::to_base64(key::seal_salted(secret, salt, bytes_of(plain)));
    std::array<std::uint8_t, key::hmac::most_size> tag;
    mac({bytes_of(text)}, tag.data());
    return text.substr(omitted.size()) + key::to_base64(byte_view(tag).first(mac.size()));
}

bool has_form(byte_view payload, std::size_t mac_digits) {
    if (payload.size() <= mac_digits || payload.size() > most_of_packet) return false;
    const auto digits = payload.size() - mac_digits + omitted.size();
    const auto bytes = digits * 6 / 8;
    return digits_of(bytes) == digits && bytes % key::cipher_block_size == 0 &&
           bytes >= 2 * key::cipher_block_size &&
           first_characters.find(static_cast<char>(payload.front())) != first_characters.npos;
}

bool is_text(byte_view payload) {
    return std::ranges::all_of(payload, [](std::uint8_t c) { return key::is_base64(static_cast<char>(c)); });
}

std::optional<key::secret_bytes> tag_of(byte_view payload, std::size_t mac_digits) {
    const auto digits = payload.last(mac_digits);
    return key::from_base64({reinterpret_cast<const char*>(digits.data()), digits.size()});
}

bool is_authentic(byte_view payload, byte_view tag, key::hmac& mac) {
    std::array<std::uint8_t, key::hmac::most_size> expected;
    mac({bytes_of(omitted), payload.first(payload.size() - digits_of(mac.size()))}, expected.data());
    return key::same(byte_view(expected).first(mac.size()), tag);
}

std::optional<key::secret_bytes> open(byte_view payload, std::size_t mac_digits, byte_view secret) {
    const auto sent = payload.first(payload.size() - mac_digits);
    std::string text(omitted);
    text.append(sent.begin(), sent.end());
    const auto sealed = key::from_base64(text);
    if (!sealed) return {};
    return key::open_salted(secret, *sealed);
}

} // namespace chronoknock::fwknop
