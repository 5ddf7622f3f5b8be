#include "client/stun.hpp"

#include "base/reader.hpp"
#include "base/text.hpp"
#include "base/writer.hpp"

#include <algorithm>
#include <boost/crc.hpp>
#include <iterator>
#include <set>
#include <utility>

namespace chronoknock::client {

namespace {

constexpr std::uint32_t magic_cookie = 0x2112a442;
constexpr std::uint32_t fingerprint_mask = 0x5354554e; // RFC 8489, section 14.7
constexpr std::size_t fingerprint_size = 8;            // with its header

constexpr std::uint16_t binding_request = 0x0001;
constexpr std::uint16_t binding_success = 0x0101;
constexpr std::uint16_t binding_error = 0x0111;

// RFC 8489, section 18.3; those of RFC 3489 alone are marked.
enum attribute : std::uint16_t {
    mapped_address = 0x0001,
    response_address = 0x0002, // RFC 3489
    change_request = 0x0003,   // RFC 3489
    source_address = 0x0004,   // RFC 3489
    changed_address = 0x0005,  // RFC 3489
    username = 0x0006,
    password = 0x0007, // RFC 3489
    message_integrity = 0x0008,
    error_code = 0x0009,
    unknown_attributes = 0x000a,
    reflected_from = 0x000b, // RFC 3489
    realm = 0x0014,
    nonce = 0x0015,
    message_integrity_sha256 = 0x001c,
    password_algorithm = 0x001d,
    userhash = 0x001e,
    xor_mapped_address = 0x0020,
    first_optional = 0x8000,
    fingerprint = 0x8028,
};

bool is_known(std::uint16_t type) {
    static constexpr std::array all = {
        mapped_address,     response_address,  change_request, source_address, changed_address,
        username,           password,          error_code,     realm,          unknown_attributes,
        reflected_from,     message_integrity, nonce,          userhash,       message_integrity_sha256,
        xor_mapped_address, password_algorithm};
    return type >= first_optional || std::ranges::find(all, type) != all.end();
}

/// Section 14.1; with a mask of zeros that of MAPPED-ADDRESS, with the cookie and the transaction that of
/// XOR-MAPPED-ADDRESS (section 14.2).
std::optional<address> read_address(std::span<const std::uint8_t> value,
                                    std::span<const std::uint8_t, 16> mask) {
    reader in(value);
    in.skip(1);
    const auto family = in.u8();
    in.skip(2); // the port: a knock has one for each packet
    const std::size_t size = family == 1 ? 4 : family == 2 ? 16 : 0;
    if (size == 0 || in.left() != size) return {};
    std::array<std::uint8_t, 16> bytes{};
    std::ranges::transform(in.bytes(size), mask.first(size), bytes.begin(), std::bit_xor<>());
    return size == 4 ? address::v4(std::span(bytes).first<4>()) : address::v6(bytes);
}

/// Of one host: no knock comes from the unspecified address, from a multicast one, or from loopback.
bool is_unicast(const address& a) {
    const auto b = a.bytes();
    if (a.is_v4()) return b[0] != 0 && b[0] != 127 && b[0] < 224;
    return b[0] != 0xff && std::ranges::any_of(b.first(15), [](std::uint8_t n) { return n != 0; });
}

/// "401 Unauthorized", from ERROR-CODE (section 14.8).
std::string refusal(std::span<const std::uint8_t> value) {
    reader in(value);
    in.skip(2);
    const unsigned hundreds = in.u8() & 7;
    const unsigned rest = in.u8();
    if (!in) return "without a reason";
    const auto words = in.bytes(in.left());
    return std::to_string(hundreds * 100 + rest) + " " + printable(std::string(words.begin(), words.end()));
}

/// The attributes that matter here, the first of each.
struct answer {
    std::optional<std::span<const std::uint8_t>> mapped;
    std::optional<std::span<const std::uint8_t>> xored;
    std::optional<std::span<const std::uint8_t>> error;
    std::optional<std::uint16_t> unknown;
};

/// Nothing, if the attributes do not add up, or the fingerprint is wrong or not the last.
std::optional<answer> read_attributes(std::span<const std::uint8_t> datagram) {
    answer a;
    reader in(datagram.subspan(stun_header_size));
    bool signed_part = true; // what follows MESSAGE-INTEGRITY anybody may have added (section 14.5)
    while (in.left() != 0) {
        const auto at = datagram.size() - in.left();
        const auto type = in.u16();
        const std::size_t size = in.u16();
        const auto value = in.bytes(size);
        in.skip((4 - size % 4) % 4);
        if (!in) return {};
        if (type == fingerprint) {
            if (size + 4 != fingerprint_size || in.left() != 0) return {};
            boost::crc_32_type crc;
            crc.process_bytes(datagram.data(), at);
            if (reader(value).u32() != (crc.checksum() ^ fingerprint_mask)) return {};
            continue;
        }
        if (!signed_part) continue;
        const auto keep = [&](auto& where) {
            if (!where) where = value;
        };
        if (type == mapped_address) keep(a.mapped);
        if (type == xor_mapped_address) keep(a.xored);
        if (type == error_code) keep(a.error);
        if (!is_known(type) && !a.unknown) a.unknown = type;
        if (type == message_integrity || type == message_integrity_sha256) signed_part = false;
    }
    return a;
}

std::string hexadecimal(std::uint16_t n) {
    static constexpr const char* digits = "0123456789abcdef";
    std::string text = "0x";
    for (int shift = 12; shift >= 0; shift -= 4) text += digits[n >> shift & 15];
    return text;
}

result<address> judge(const answer& a, bool success, std::span<const std::uint8_t, 16> mask) {
    if (!success) return error{"it refused: " + (a.error ? refusal(*a.error) : "without a reason")};
    if (a.unknown)
        return error{"its answer has an attribute that must be understood and is not: " +
                     hexadecimal(*a.unknown)};
    static constexpr std::array<std::uint8_t, 16> no_mask{};
    const auto found = a.xored    ? read_address(*a.xored, mask)
                       : a.mapped ? read_address(*a.mapped, no_mask)
                                  : std::nullopt;
    if (!found) return error{"its answer has no address"};
    if (!is_unicast(*found)) return error{"it says " + found->to_string() + ", which no packet comes from"};
    return *found;
}

} // namespace

std::array<std::uint8_t, stun_header_size> stun_request(const stun_transaction& id) {
    writer out;
    out.u16(binding_request);
    out.u16(0); // bytes of attributes
    out.u32(magic_cookie);
    std::array<std::uint8_t, stun_header_size> request{};
    const auto end = std::ranges::copy(out.text(), request.begin()).out;
    std::ranges::copy(id, end);
    return request;
}

std::optional<result<address>> read_stun_answer(std::span<const std::uint8_t> datagram,
                                                const stun_transaction& id) {
    reader in(datagram);
    const auto type = in.u16();
    const std::size_t size = in.u16();
    const auto cookie = in.u32();
    const auto transaction = in.bytes(id.size());
    if (!in || (type != binding_success && type != binding_error) || cookie != magic_cookie ||
        size != in.left() || size % 4 != 0 || !std::ranges::equal(transaction, id))
        return {};
    const auto attributes = read_attributes(datagram);
    if (!attributes) return {};
    // The cookie and the transaction, as they stand in the header.
    return judge(*attributes, type == binding_success, datagram.subspan<4, 16>());
}

result<stun_agreement> agreed_address(std::span<const stun_answer> answers) {
    std::string silent;
    std::string all;
    for (const auto& a : answers) {
        const auto text =
            a.server + (a.mapped ? " says " + a.mapped->to_string() : ": " + a.mapped.error().text);
        all += (all.empty() ? "" : ", ") + text;
        if (!a.mapped) silent += (silent.empty() ? "" : "; ") + text;
    }
    if (answers.empty()) return error{"STUN: no server to ask"};
    if (!silent.empty()) return error{"no address from STUN: " + silent};
    const auto& first = *answers.front().mapped;
    if (std::ranges::any_of(answers, [&](const stun_answer& a) { return *a.mapped != first; }))
        return error{"the STUN servers do not agree: " + all};
    std::set<address> asked;
    for (const auto& a : answers)
        if (a.asked) asked.insert(*a.asked);
    return stun_agreement{first, asked.size()};
}

std::size_t witnesses(std::span<const std::string> hosts) {
    std::set<std::string> different;
    for (auto host : hosts) {
        if (const auto a = address::parse(host)) {
            different.insert(a->to_string());
            continue;
        }
        for (auto& c : host)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (host.ends_with('.')) host.pop_back();
        different.insert(std::move(host));
    }
    return different.size();
}

result<void> enough_witnesses(std::size_t witnesses, bool knock_names_address) {
    if (!knock_names_address || witnesses > 1) return {};
    return error{"one STUN server is not enough for this key: its knocks name the address to open for, and "
                 "a server that lies could name its own; give a second one, of somebody else, which must "
                 "agree"};
}

} // namespace chronoknock::client
