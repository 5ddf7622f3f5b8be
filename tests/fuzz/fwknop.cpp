#include "key/base64.hpp"
#include "key/digest.hpp"
#include "method/fwknop/message.hpp"
#include "method/fwknop/packet.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

using namespace chronoknock;

/// The first byte says what the rest is: a datagram, or the fields of a message, to which a digest is added.
/// What is accepted is written as the same again, and no reason of a refusal repeats what was read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const byte_view rest{data + 1, size - 1};
    if (data[0] % 2 == 0) {
        static constexpr std::array<std::uint8_t, 32> secret = {1, 2, 3};
        static key::hmac mac("sha256", secret);
        const auto digits = fwknop::digits_of(mac.size());
        if (!fwknop::has_form(rest, digits)) return 0;
        (void)fwknop::is_text(rest);
        if (const auto tag = fwknop::tag_of(rest, digits)) (void)fwknop::is_authentic(rest, *tag, mac);
        (void)fwknop::open(rest, digits, secret);
        return 0;
    }
    const std::string text(rest.begin(), rest.end());
    (void)fwknop::read_fields(text);
    std::array<std::uint8_t, 32> hash;
    key::digest("sha256")(rest, hash.data());
    const auto whole = text + ":" + key::to_base64(hash);
    const auto fields = fwknop::read_fields(whole);
    if (!fields) std::abort();
    const auto read = fwknop::read_message(*fields);
    if (!read.accepted) {
        if (read.refused.why.empty()) std::abort();
        for (const char c : read.refused.why)
            if (c < 0x20 || c > 0x7e) std::abort();
        return 0;
    }
    if (read.accepted->ports.empty() || read.accepted->ports.size() > 40) std::abort();
    const auto written = fwknop::to_text(*read.accepted);
    const auto fields_again = fwknop::read_fields(written);
    if (!fields_again) std::abort();
    const auto again = fwknop::read_message(*fields_again);
    if (!again.accepted || !(*again.accepted == *read.accepted)) std::abort();
    return 0;
}
