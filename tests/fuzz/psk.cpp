#include "key/psk.hpp"

#include <cstdlib>

/// A key file is read, or refused with one line; what was read and written is read as the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronoknock;
    const auto k = key::parse_psk({reinterpret_cast<const char*>(data), size});
    if (!k) {
        for (const char c : k.error().text)
            if (c < 0x20 || c == 0x7f) std::abort();
        return 0;
    }
    if (k->secret.size() < 16 || k->length < 2 || k->length > 64 || k->ports.size() == 0) std::abort();
    const auto again = key::parse_psk(to_text(*k));
    if (!again || !(*again == *k)) std::abort();
    return 0;
}
