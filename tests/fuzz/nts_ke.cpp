#include "timesync/nts_ke.hpp"

#include <cstdlib>

using namespace chronoknock::timesync;

/// The answer of a key establishment server.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::uint8_t> input{data, size};
    const auto whole = nts_ke_message_size(input);
    if (whole && *whole > size) std::abort();
    const auto answer = parse_nts_ke_answer(input);
    if (!answer) return 0;
    if (whole != size || answer->port == 0 || answer->host.size() > 255) std::abort();
    if (answer->cookies.empty() || answer->cookies.size() > nts_cookies_kept) std::abort();
    for (const auto& c : answer->cookies)
        if (c.empty() || c.size() > nts_cookie_limit) std::abort();
    return 0;
}
