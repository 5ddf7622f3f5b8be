#include "io/server_config.hpp"

#include "base/ini.hpp"
#include "io/system/account.hpp"
#include "io/system/files.hpp"
#include "io/system/include.hpp"
#include "io/time/nts_ke.hpp"
#include "method/method.hpp"

#include <cmath>
#include <filesystem>

namespace chronoknock::io {

result<config::server> load_server_config(const std::string& path, bool allow_loose_permissions,
                                          const file_changes& after, without_keys none) {
    const config_source files{
        [&](const std::string& file) {
            const auto* const changed = after.text_of(file);
            return changed ? result<std::string>(boost::system::in_place_value, *changed) : read_file(file);
        },
        [&](const std::string& file) {
            const auto* const fresh = after.text_of(file);
            return fresh ? read_key(file, *fresh) : load_key_file(file, allow_loose_permissions);
        },
        [&](const std::string& pattern) { return read_included(pattern, after); }, read_authorities};
    auto server = load_server_config(path, files, none);
    if (!server) return server;
    if (const auto there = find_user(*server); !there) return error{path + ": " + there.error().text};
    return server;
}

result<config::server> load_server_config(const std::string& path, const config_source& from,
                                          without_keys none) {
    const auto text = from.text(path);
    if (!text) return text.error();
    auto server = config::parse_server(*text, path, from.key, from.included);
    if (!server) return server;
    std::error_code unreadable;
    if (server->keys.empty() &&
        (none == without_keys::refused || !std::filesystem::exists(server->state, unreadable)))
        return error{path + ": expected at least one section [key.NAME]: without one nobody gets in"};
    auto& time = server->time;
    const auto unfit = [&](const error& e) { return error{path + ": [time] nts_ca: " + e.text}; };
    if (!time.ca_file.empty()) {
        auto authorities = from.authorities(time.ca_file);
        if (!authorities) return unfit(authorities.error());
        time.ca_text = std::move(*authorities);
    }
    if (const auto tls = nts_context(time.ca_file, time.ca_text); !tls) return unfit(tls.error());
    if (const auto fit = method::check(*server); !fit) return error{path + ": " + fit.error().text};
    for (const auto& k : server->keys) {
        const auto bits = method::security_bits(k, *server);
        if (bits < method::least_security_bits && !k.allow_weak)
            return error{
                k.stands_in + ": [key." + k.name + "] file: a security budget of " +
                std::to_string(static_cast<int>(std::floor(bits))) + " bits; expected at least " +
                std::to_string(static_cast<int>(method::least_security_bits)) +
                " (more or wider ports, a smaller [knock] memory, mode = strict), or allow_weak = true"};
    }
    return server;
}

result<void> find_user(const config::server& c) {
    if (c.user.empty()) return {};
    if (const auto found = find_account(c.user); !found) return found.error();
    return {};
}

} // namespace chronoknock::io
