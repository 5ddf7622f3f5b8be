#include "config/fleet.hpp"

#include <cstdlib>

using namespace chronoknock;

/// The files of a fleet's seal and password: read, or refused with one line that can be printed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto can_be_printed = [](const auto& read) {
        if (!read)
            for (const char c : read.error().text)
                if (c < ' ' || c == 0x7f) std::abort();
    };
    const auto seal = config::parse_seal(text);
    can_be_printed(seal);
    if (seal && seal->size() < 32) std::abort();
    const auto password = config::parse_password(text);
    can_be_printed(password);
    if (password && (password->empty() || password->find('\n') != password->npos)) std::abort();
    return 0;
}
