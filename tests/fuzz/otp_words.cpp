#include "key/otp.hpp"

#include <cstdlib>

/// Six words are read, or not; what was read is written as words that are read as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronoknock;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto v = key::parse_otp_words(text)) {
        if (size < 11 || key::parse_otp_words(key::otp_words(*v)) != v) std::abort();
        if (key::parse_otp_label(key::otp_words(*v, '_')) != v) std::abort();
    }
    if (const auto v = key::parse_otp_label(text); v && (size > 29 || key::otp_words(*v, '_').size() != size))
        std::abort();
    if (const auto v = key::parse_otp_hex(text); v && key::parse_otp_hex(key::otp_hex(*v)) != v) std::abort();
    return 0;
}
