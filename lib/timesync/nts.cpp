#include "timesync/nts.hpp"

#include "base/reader.hpp"

#include <algorithm>
#include <optional>

namespace chronoknock::timesync {

namespace {

enum field_type : std::uint16_t {
    unique_identifier = 0x0104,
    cookie_field = 0x0204,
    cookie_placeholder = 0x0304,
    authenticator = 0x0404,
};

constexpr std::size_t field_head = 4;
constexpr std::size_t least_field = 16; ///< RFC 7822, section 3
/// What passes every path of IPv6 in one piece, less IPv6 and UDP headers.
constexpr std::size_t packet_limit = 1232;

constexpr std::size_t whole_words(std::size_t n) { return (n + 3) / 4 * 4; }

void put_u16(std::vector<std::uint8_t>& out, std::size_t n) {
    out.push_back(static_cast<std::uint8_t>(n >> 8));
    out.push_back(static_cast<std::uint8_t>(n));
}

void put_padded(std::vector<std::uint8_t>& out, byte_view bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
    out.resize(out.size() + whole_words(bytes.size()) - bytes.size());
}

/// RFC 8915, section 5.6. A nonce of 16 bytes, as here, needs no additional padding.
std::vector<std::uint8_t> authenticator_body(byte_view nonce, byte_view sealed) {
    std::vector<std::uint8_t> body;
    put_u16(body, nonce.size());
    put_u16(body, sealed.size());
    put_padded(body, nonce);
    put_padded(body, sealed);
    return body;
}

/// What the authenticator in body hides, if it proves all that stands before it.
result<std::vector<std::uint8_t>> open_authenticator(byte_view body, byte_view before, const siv& key) {
    reader in{body};
    const std::size_t nonce_size = in.u16();
    const std::size_t sealed_size = in.u16();
    const auto nonce = in.bytes(whole_words(nonce_size));
    const auto sealed = in.bytes(whole_words(sealed_size));
    if (!in || nonce_size == 0) return error{"NTS: the authenticator is malformed"};
    auto hidden = key.open({before, nonce.first(nonce_size)}, sealed.first(sealed_size));
    if (!hidden) return error{"NTS: " + hidden.error().text};
    return hidden;
}

bool is_nak(byte_view packet) {
    constexpr std::string_view kiss = "NTSN";
    return packet[1] == 0 && std::ranges::equal(packet.subspan(12, 4), kiss);
}

void keep_cookies(std::vector<nts_cookie>& cookies, std::span<const extension_field> fields) {
    for (const auto& f : fields)
        if (f.type == cookie_field && f.body.size() <= nts_cookie_limit && cookies.size() < nts_cookies_kept)
            cookies.emplace_back(f.body.begin(), f.body.end());
}

} // namespace

result<std::vector<extension_field>> parse_extension_fields(byte_view bytes) {
    std::vector<extension_field> fields;
    reader in{bytes};
    while (in.left() > 0) {
        const auto start = bytes.size() - in.left();
        const auto type = in.u16();
        const std::size_t size = in.u16();
        if (!in || size < least_field || size % 4 != 0) return error{"NTP extension field of a wrong size"};
        const auto body = in.bytes(size - field_head);
        if (!in) return error{"NTP extension field cut short"};
        fields.push_back({type, body, start});
    }
    return fields;
}

void append_extension_field(std::vector<std::uint8_t>& packet, std::uint16_t type, byte_view body) {
    const auto size = std::max(field_head + whole_words(body.size()), least_field);
    const auto end = packet.size() + size;
    put_u16(packet, type);
    put_u16(packet, size);
    packet.insert(packet.end(), body.begin(), body.end());
    packet.resize(end);
}

result<std::vector<std::uint8_t>> nts_protect(std::span<const std::uint8_t, ntp_header_size> header,
                                              nts_session& session, const nts_random& random) {
    if (session.cookies.empty()) return error{"NTS: no cookies left"};
    // The oldest first: servers forget the keys of old cookies.
    const auto cookie = std::move(session.cookies.front());
    session.cookies.erase(session.cookies.begin());

    std::vector<std::uint8_t> packet{header.begin(), header.end()};
    append_extension_field(packet, unique_identifier, random.unique_id);
    append_extension_field(packet, cookie_field, cookie);

    constexpr std::size_t authenticator_size = field_head + 4 + sizeof(random.nonce) + siv::tag_size;
    const auto cookie_size = packet.size() - ntp_header_size - field_head - sizeof(random.unique_id);
    // The answer brings one cookie for the one spent and one for each placeholder, which is as long.
    const nts_cookie placeholder(cookie.size());
    for (auto expected = session.cookies.size() + 1;
         expected < nts_cookies_kept && packet.size() + cookie_size + authenticator_size <= packet_limit;
         ++expected)
        append_extension_field(packet, cookie_placeholder, placeholder);

    const auto sealed = session.client_to_server.seal({packet, random.nonce}, {});
    if (!sealed) return sealed.error();
    append_extension_field(packet, authenticator, authenticator_body(random.nonce, *sealed));
    return packet;
}

result<nts_verdict> nts_check(byte_view packet, const nts_unique_id& id, nts_session& session) {
    if (packet.size() < ntp_header_size) return error{"NTS: the answer is cut short"};
    const auto fields = parse_extension_fields(packet.subspan(ntp_header_size));
    if (!fields) return fields.error();

    bool asked_for = false;
    for (const auto& f : *fields) {
        if (f.type == unique_identifier) {
            if (asked_for || !std::ranges::equal(f.body, id))
                return error{"NTS: not an answer to this request"};
            asked_for = true;
        } else if (f.type == authenticator) {
            // What follows it proves nothing and is left alone (RFC 8915, section 5.7).
            if (!asked_for) return error{"NTS: the answer has no unique identifier"};
            const auto before = packet.first(ntp_header_size + f.start);
            const auto hidden = open_authenticator(f.body, before, session.server_to_client);
            if (!hidden) return hidden.error();
            const auto inner = parse_extension_fields(*hidden);
            if (!inner) return inner.error();
            keep_cookies(session.cookies, *inner);
            return nts_verdict::authentic;
        }
    }
    if (asked_for && is_nak(packet)) return nts_verdict::nak;
    return error{"NTS: the answer has no authenticator"};
}

} // namespace chronoknock::timesync
