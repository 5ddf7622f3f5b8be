#include "timesync/nts.hpp"

#include <cstdlib>

using namespace chronoknock;
using namespace chronoknock::timesync;

namespace {

constexpr nts_unique_id id{1, 2, 3};

nts_session fresh_session() { return {siv{siv::key_bytes{1}}, siv{siv::key_bytes{2}}, {}}; }

void bounded(const nts_session& s) {
    if (s.cookies.size() > nts_cookies_kept) std::abort();
    for (const auto& c : s.cookies)
        if (c.size() > nts_cookie_limit) std::abort();
}

} // namespace

/// A datagram that claims to be an NTS-protected answer; and, so that the fuzzer gets past the authenticator,
/// the same bytes as what a server that knows the key encrypted.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const byte_view input{data, size};
    auto session = fresh_session();
    // No input has the key: whatever passes is a forgery.
    if (const auto v = nts_check(input, id, session); v && *v == nts_verdict::authentic) std::abort();
    bounded(session);

    if (size > 4096) return 0;
    std::vector<std::uint8_t> packet(ntp_header_size);
    append_extension_field(packet, 0x0104, id);
    const std::vector<std::uint8_t> nonce(16);
    const auto sealed = session.server_to_client.seal({packet, nonce}, input).value();
    std::vector<std::uint8_t> body{0, 16, static_cast<std::uint8_t>(sealed.size() >> 8),
                                   static_cast<std::uint8_t>(sealed.size())};
    body.insert(body.end(), nonce.begin(), nonce.end());
    body.insert(body.end(), sealed.begin(), sealed.end());
    append_extension_field(packet, 0x0404, body);
    if (nts_check(packet, id, session).has_value() != parse_extension_fields(input).has_value()) std::abort();
    bounded(session);
    return 0;
}
