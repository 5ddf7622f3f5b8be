#include "timesync/nts_ke.hpp"

#include "base/reader.hpp"

#include <algorithm>
#include <string_view>

namespace chronoknock::timesync {

namespace {

enum record_type : std::uint16_t {
    end_of_message = 0,
    next_protocol = 1,
    error_record = 2,
    warning_record = 3,
    aead_algorithm = 4,
    new_cookie = 5,
    ntp_server = 6,
    ntp_port = 7,
};

constexpr std::uint16_t critical_bit = 0x8000;
constexpr std::uint16_t protocol_ntpv4 = 0;
constexpr std::uint16_t aead_aes_siv_cmac_256 = 15;

struct record {
    bool critical;
    std::uint16_t type;
    std::span<const std::uint8_t> body;
};

record next_record(reader& in) {
    const auto head = in.u16();
    const auto size = in.u16();
    return {(head & critical_bit) != 0, static_cast<std::uint16_t>(head & ~critical_bit), in.bytes(size)};
}

error refused(std::string text) { return {std::move(text)}; }

/// The one number a body holds; nothing if it is of another size.
std::optional<std::uint16_t> number(std::span<const std::uint8_t> body) {
    reader in{body};
    if (body.size() != 2) return std::nullopt;
    return in.u16();
}

std::string numbered(std::string_view what, std::optional<std::uint16_t> n) {
    return std::string{what} + (n ? " " + std::to_string(*n) : " without a code");
}

/// A name or address of the server's choice goes to the resolver and to the log: nothing but their letters.
bool valid_host(std::span<const std::uint8_t> body) {
    return !body.empty() && body.size() <= 255 && body.front() != '-' &&
           std::ranges::all_of(body, [](std::uint8_t c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-' || c == ':';
           });
}

std::string_view error_name(std::optional<std::uint16_t> code) {
    switch (code.value_or(0xffff)) {
    case 0:
        return " (unrecognized critical record)";
    case 1:
        return " (bad request)";
    case 2:
        return " (internal server error)";
    default:
        return "";
    }
}

/// What an answer must say exactly once, gathered on the way.
struct gathered {
    nts_ke_answer answer;
    bool protocol = false;
    bool aead = false;
    bool host = false;
    bool port = false;

    std::optional<error> take(const record& r);
};

std::optional<error> gathered::take(const record& r) {
    switch (r.type) {
    case next_protocol:
        if (protocol || number(r.body) != protocol_ntpv4) return refused("the server does not offer NTPv4");
        protocol = true;
        break;
    case aead_algorithm:
        if (aead || number(r.body) != aead_aes_siv_cmac_256)
            return refused("the server does not offer AEAD_AES_SIV_CMAC_256");
        aead = true;
        break;
    case error_record: {
        const auto code = number(r.body);
        return refused(numbered("the server says error", code).append(error_name(code)));
    }
    case warning_record:
        return refused(numbered("the server sends warning", number(r.body)));
    case new_cookie:
        // A body that is not of whole words could not be told from its padding (RFC 8915, section 5.4).
        if (!r.body.empty() && r.body.size() % 4 == 0 && r.body.size() <= nts_cookie_limit &&
            answer.cookies.size() < nts_cookies_kept)
            answer.cookies.emplace_back(r.body.begin(), r.body.end());
        break;
    case ntp_server:
        if (host || !valid_host(r.body)) return refused("the server names no valid NTP server");
        host = true;
        answer.host.assign(r.body.begin(), r.body.end());
        break;
    case ntp_port: {
        const auto n = number(r.body);
        if (port || !n || *n == 0) return refused("the server names no valid NTP port");
        port = true;
        answer.port = *n;
        break;
    }
    default:
        if (r.critical) return refused("unknown critical record " + std::to_string(r.type));
    }
    return std::nullopt;
}

void put_u16(std::vector<std::uint8_t>& out, unsigned n) {
    out.push_back(static_cast<std::uint8_t>(n >> 8));
    out.push_back(static_cast<std::uint8_t>(n));
}

} // namespace

std::vector<std::uint8_t> encode_nts_ke_request() {
    std::vector<std::uint8_t> out;
    const auto record_of = [&](record_type type, std::uint16_t value) {
        put_u16(out, critical_bit | type);
        put_u16(out, 2);
        put_u16(out, value);
    };
    record_of(next_protocol, protocol_ntpv4);
    record_of(aead_algorithm, aead_aes_siv_cmac_256);
    put_u16(out, critical_bit | end_of_message);
    put_u16(out, 0);
    return out;
}

std::optional<std::size_t> nts_ke_message_size(std::span<const std::uint8_t> received) {
    reader in{received};
    while (in.left() > 0) {
        const auto r = next_record(in);
        if (!in) return std::nullopt;
        if (r.type == end_of_message) return received.size() - in.left();
    }
    return std::nullopt;
}

result<nts_ke_answer> parse_nts_ke_answer(std::span<const std::uint8_t> message) {
    gathered g;
    reader in{message};
    bool ended = false;
    while (!ended) {
        const auto r = next_record(in);
        if (!in) return refused("the answer is cut short");
        if (r.type == end_of_message) {
            if (!r.critical || !r.body.empty() || in.left() > 0) return refused("the answer ends badly");
            ended = true;
        } else if (const auto failed = g.take(r)) {
            return *failed;
        }
    }
    if (!g.protocol) return refused("the server does not offer NTPv4");
    if (!g.aead) return refused("the server does not offer AEAD_AES_SIV_CMAC_256");
    if (g.answer.cookies.empty()) return refused("the server gave no usable cookie");
    return g.answer;
}

std::vector<std::uint8_t> nts_exporter_context(bool client_to_server) {
    std::vector<std::uint8_t> out;
    put_u16(out, protocol_ntpv4);
    put_u16(out, aead_aes_siv_cmac_256);
    out.push_back(client_to_server ? 0 : 1);
    return out;
}

} // namespace chronoknock::timesync
