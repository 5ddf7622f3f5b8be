#include "io/store/pending_burn.hpp"

#include <cstdlib>

using namespace chronoknock;

/// What the mark beside the record holds, which the server's user can write: read, or nothing. What was read
/// and written is read as the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto p = io::decode_pending_burn({reinterpret_cast<const char*>(data), size});
    if (!p) return 0;
    const auto written = io::encode(p->after, p->tokens, p->grants);
    if (written.empty()) return 0; // more than a mark can hold
    const auto again = io::decode_pending_burn(written);
    if (!again || again->after != p->after || again->tokens != p->tokens || again->grants != p->grants)
        std::abort();
    return 0;
}
