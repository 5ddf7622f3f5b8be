#include "config/invitation.hpp"
#include "config/names.hpp"
#include "key/base64.hpp"
#include "key/digest.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace {

using namespace chronoknock;

/// Fields that fit a profile and make the same invitation again, or one line that can be printed.
void try_line(std::string_view line) {
    const auto read = config::parse_uri(line);
    if (!read) {
        for (const char c : read.error().text)
            if (c < 0x20 || c == 0x7f) std::abort();
        return;
    }
    if (!config::parse_host(read->host) || read->key.empty()) std::abort();
    if ((read->host + read->service + read->time_servers).find('\n') != std::string::npos) std::abort();
    const auto again = config::parse_uri(config::to_uri(*read));
    if (!again || *again != *read) std::abort();
}

/// The line of any bytes as fields, whose sum is right: nobody guesses one.
std::string line_of(const std::uint8_t* data, std::size_t size) {
    std::vector<std::uint8_t> bytes(data, data + size);
    std::array<std::uint8_t, 32> sum;
    key::digest("sha256")(bytes, sum.data());
    bytes.insert(bytes.end(), sum.begin(), sum.begin() + 8);
    auto digits = key::to_base64(bytes);
    std::ranges::replace(digits, '+', '-');
    std::ranges::replace(digits, '/', '_');
    return "chronoknock://1/" + digits;
}

} // namespace

/// An invitation that somebody hands to a client.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try_line({reinterpret_cast<const char*>(data), size});
    try_line(line_of(data, size));
    return 0;
}
