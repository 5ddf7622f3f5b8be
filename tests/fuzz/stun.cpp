#include "client/stun.hpp"

#include <algorithm>
#include <cstdlib>

using namespace chronoknock;

/// A datagram that claims to be a STUN server's answer. Its own transaction is taken for ours, so that it
/// gets past that.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    client::stun_transaction id{};
    const std::span all(data, size);
    if (size >= client::stun_header_size) std::ranges::copy(all.subspan(8, id.size()), id.begin());
    const auto found = client::read_stun_answer(all, id);
    if (!found) return 0;
    if (size < client::stun_header_size || size % 4 != 0) std::abort();
    if (!*found) {
        // Whatever a stranger wrote, the message is one printable line.
        const auto& text = found->error().text;
        if (text.empty() || std::ranges::any_of(text, [](char c) { return c < ' ' || c > '~'; }))
            std::abort();
    }
    // Another transaction's answer is none.
    id[0] ^= 1;
    if (client::read_stun_answer(all, id)) std::abort();
    return 0;
}
