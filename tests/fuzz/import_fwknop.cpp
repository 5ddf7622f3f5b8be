#include "config/import/fwknop.hpp"
#include "method/method.hpp"

#include <cstdlib>

/// Whatever the text, what is made of it is a configuration with keys that a server takes, or one line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronoknock;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto printable_line = [](const std::string& line) {
        for (const char c : line)
            if (c < 0x20 || c == 0x7f) std::abort();
    };
    const auto made = config::importing::read_fwknop(text, "access.conf", 1'800'000'000);
    if (!made) {
        printable_line(made.error().text);
        return 0;
    }
    for (const auto& n : made->notes) printable_line(n);
    const auto server = config::parse_server(made->configuration, "c", [&](const std::string& path) {
        for (const auto& k : made->keys)
            if (k.name == path) return method::read_key(k.text);
        std::abort();
    });
    if (!server || server->keys.size() != made->keys.size()) std::abort();
    return 0;
}
