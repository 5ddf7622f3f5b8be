#include "config/profile.hpp"
#include "config/server.hpp"
#include "method/time_sequence/credential.hpp"

#include <cstdlib>

/// Both configurations, of server and client: whatever the text, a structure that keeps its promises or one
/// line that can be printed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronoknock;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto printable_line = [](const std::string& line) {
        for (const char c : line)
            if (c < 0x20 || c == 0x7f) std::abort();
    };
    const auto load = [](const std::string& path) {
        key::psk k;
        k.secret.assign(path.begin(), path.end());
        return result<key::credential_ptr>(std::make_shared<time_sequence::credential>(std::move(k)));
    };
    // The same text as an included file, and once in each of two.
    const auto include = [&](const std::string&) -> result<std::vector<config::included_file>> {
        return std::vector<config::included_file>{{"d", std::string(text)},
                                                  {"e", "[service.fuzz]\nports = tcp/9\n"}};
    };
    const auto joined = config::parse_server("[server]\ninclude = *\n", "c", load, include);
    if (!joined) printable_line(joined.error().text);
    const auto server = config::parse_server(text, "c", load);
    if (server) {
        if (server->services.empty()) std::abort(); // without a key all is shut
        for (const auto& k : server->keys)
            for (const auto s : k.services)
                if (s >= server->services.size()) std::abort();
    } else {
        printable_line(server.error().text);
    }
    const auto profiles = config::parse_profiles(text, "c");
    if (profiles) {
        for (const auto& p : *profiles)
            if (p.host.empty() || p.key.empty()) std::abort();
    } else {
        printable_line(profiles.error().text);
    }
    return 0;
}
