#include "io/server_config.hpp"

#include "base/ini.hpp"
#include "io/fleet/context.hpp"
#include "io/system/account.hpp"
#include "io/system/files.hpp"
#include "io/system/include.hpp"
#include "io/time/nts_ke.hpp"
#include "method/method.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace chronoknock::io {

namespace {

/// The error names the field.
result<void> read_fleet_files(config::fleet_settings& f, const config_source& from) {
    if (!f.is_set()) return {};
    const auto read_public = [&](const char* field, const std::string& file,
                                 std::string& to) -> result<void> {
        if (file.empty()) return {};
        auto text = from.authorities(file);
        if (!text) return error{std::string(field) + ": " + text.error().text};
        to = std::move(*text);
        return {};
    };
    const auto read_secret = [&](const char* field, const std::string& file) -> result<key::secret_text> {
        auto text = from.secret(file);
        return text ? std::move(text) : error{std::string(field) + ": " + text.error().text};
    };
    if (const auto done = read_public("ca", f.ca_file, f.ca_text); !done) return done;
    if (const auto done = read_public("cert", f.cert_file, f.cert_text); !done) return done;
    if (!f.key_file.empty()) {
        auto text = read_secret("key", f.key_file);
        if (!text) return text.error();
        f.key_text = std::move(*text);
    }
    if (!f.password_file.empty()) {
        const auto text = read_secret("password_file", f.password_file);
        if (!text) return text.error();
        auto password = config::parse_password(*text);
        if (!password) return error{"password_file: " + password.error().text};
        f.password = std::move(*password);
    }
    const auto text = read_secret("seal", f.seal_file);
    if (!text) return text.error();
    auto seal = config::parse_seal(*text);
    if (!seal) return error{"seal: " + seal.error().text};
    f.seal = std::move(*seal);
    if (const auto tls = fleet_context(f); !tls) return tls.error();
    return {};
}

} // namespace

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
        [&](const std::string& pattern) { return read_included(pattern, after); }, read_authorities,
        [&](const std::string& file) { return read_key_text(file, allow_loose_permissions); }};
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
    if (const auto added = add_authorities(time, from.authorities); !added) return unfit(added.error());
    // Reading the system's authorities takes 20 ms: not for those who ask none.
    if (!time.ca_file.empty() || std::ranges::any_of(time.servers, &config::time_server::nts))
        if (const auto tls = nts_context(time.ca_file, time.ca_text); !tls) return unfit(tls.error());
    if (const auto read = read_fleet_files(server->fleet, from); !read)
        return error{path + ": [fleet] " + read.error().text};
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
