#include "io/server_config.hpp"

#include "io/system/files.hpp"
#include "io/time/nts_ke.hpp"
#include "method/method.hpp"

#include <cmath>

namespace chronoknock::io {

result<config::server> load_server_config(const std::string& path, bool allow_loose_permissions) {
    const auto text = read_file(path);
    if (!text) return text.error();
    auto server = config::parse_server(
        *text, path, [=](const std::string& file) { return load_key_file(file, allow_loose_permissions); });
    if (!server) return server;
    if (const auto tls = nts_context(server->time.ca_file); !tls)
        return error{path + ": [time] nts_ca: " + tls.error().text};
    if (const auto fit = method::check(*server); !fit) return error{path + ": " + fit.error().text};
    for (const auto& k : server->keys) {
        const auto bits = method::security_bits(k, *server);
        if (bits < method::least_security_bits && !k.allow_weak)
            return error{
                path + ": [key." + k.name + "] file: a security budget of " +
                std::to_string(static_cast<int>(std::floor(bits))) + " bits; expected at least " +
                std::to_string(static_cast<int>(method::least_security_bits)) +
                " (more or wider ports, a smaller [knock] memory, mode = strict), or allow_weak = true"};
    }
    return server;
}

} // namespace chronoknock::io
