#include "config/import/knockd.hpp"
#include "method/method.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

/// Whatever the text, what is made of it is a configuration with keys that a server takes, or one line. What
/// stands behind a NUL is the file of one-time sequences that it names.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronoknock;
    const std::string_view all{reinterpret_cast<const char*>(data), size};
    const auto text = all.substr(0, all.find('\0'));
    const std::string sequences(text.size() < size ? all.substr(text.size() + 1)
                                                   : " 7000,8000:udp\n#1,2\n 1,2,3,4,5\n");
    const auto printable_line = [](const std::string& line) {
        for (const char c : line)
            if (c < 0x20 || c == 0x7f) std::abort();
    };
    const auto made = config::importing::read_knockd(text, "knockd.conf", 1, [&](const std::string&) {
        return result<std::string>(boost::system::in_place_value, sequences);
    });
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
