#include "method/challenge/sealer.hpp"
#include "method/method.hpp"

#include <algorithm>
#include <cstdlib>

using namespace chronoknock;

namespace {

const key::credential& shared_key() {
    static const auto k =
        *method::read_key("method = challenge\nsecret = 00112233445566778899aabbccddeeff\n");
    return *k;
}

const key::psk& psk() {
    static const auto k = *key::parse_psk("secret = 00112233445566778899aabbccddeeff\n");
    return k;
}

} // namespace

/// What a client takes for an answer: nothing that was not sealed with the key; and of what was, the same
/// comes out as went in.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const byte_view input{data, size};
    const method::knock_request r{.source = {}, .at = 0, .service = ""};
    if (method::method_of(shared_key()).respond(shared_key(), r, input)) std::abort();

    static challenge::sealer seals(psk());
    challenge::message m;
    std::copy_n(data, std::min(size, m.nonce.size()), m.nonce.begin());
    if (size >= 34) m.source = address::v6(input.subspan(16).first<16>());
    if (size >= 34) m.port = static_cast<std::uint16_t>(input[32] << 8 | input[33]);
    const auto sealed = seals.seal(0, m).value();
    const auto opened = seals.open(0, sealed);
    if (!opened || !(*opened == m)) std::abort();
    if (method::method_of(shared_key()).respond(shared_key(), r, sealed).value().shots.size() != 16)
        std::abort();
    return 0;
}
