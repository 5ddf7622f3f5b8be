#include "method/method.hpp"

#include <algorithm>
#include <cstdlib>

/// A key file of any method: read as a key that has a row in the table of methods and can be asked for what
/// it is; or refused with one line, which quotes no secret.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronoknock;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto k = method::read_key(text);
    if (!k) {
        for (const char c : k.error().text)
            if (c < 0x20 || c == 0x7f) std::abort();
        // Nothing of a secret: where its line is whole, and its value stands nowhere else. Bytes that are
        // escaped have digits of their own.
        const auto secret = text.find("\nsecret = ");
        const auto is_plain = [](char c) { return (c >= ' ' && c < 0x7f) || c == '\n'; };
        if (secret != text.npos && std::ranges::all_of(text, is_plain)) {
            const auto value = text.substr(secret + 10, 24);
            if (value.size() == 24 && value.find_first_not_of("0123456789abcdef") == value.npos &&
                text.find(value) == text.rfind(value) && k.error().text.find(value) != std::string::npos)
                std::abort();
        }
        return 0;
    }
    const auto& row = method::method_of(**k);
    config::key_settings settings;
    settings.name = "fuzzed";
    settings.key = *k;
    settings.services = {0};
    config::server server;
    server.services = {{"ssh", {*endpoint_range::parse("tcp/22")}, seconds(30), 0}};
    (void)row.wants(settings);
    (void)row.describe(settings);
    if (!(row.security_bits(settings, server) >= 0) && (*k)->fingerprint().empty()) std::abort();
    return 0;
}
