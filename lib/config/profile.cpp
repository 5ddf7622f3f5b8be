#include "config/profile.hpp"

#include "config/fields.hpp"
#include "config/names.hpp"

namespace chronoknock::config {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view mark = "profile.";

result<std::string> parse_service(std::string_view text) {
    if (!text.empty() && !service::valid_name(text) && !parse_asked_ports(text))
        return error{"expected the name of a service, or ports like tcp/22, not '" + printable(text) + "'"};
    return {boost::system::in_place_value, text};
}

constexpr std::size_t most_time_servers = 16;

result<void> set_time_servers(profile& p, std::string_view text) {
    if (text == "none") {
        p.time_servers.emplace();
        return {};
    }
    struct holder {
        std::vector<time_server> servers;
    } read;
    const auto done = list(&holder::servers, 1, "server", time_server::parse)(read, text);
    if (done && read.servers.size() > most_time_servers)
        return error{"expected at most " + std::to_string(most_time_servers) +
                     " servers: each is asked at each knock"};
    if (done) p.time_servers = std::move(read.servers);
    return done;
}

result<void> set_stun(profile& p, std::string_view text) {
    if (text == "none") {
        p.stun.clear();
        return {};
    }
    if (const auto done = list(&profile::stun, 1, "server", stun_server::parse)(p, text); !done) return done;
    if (p.stun.size() <= most_stun_servers) return {};
    return error{"expected at most " + std::to_string(most_stun_servers) + " servers"};
}

/// A path of a client: `~/` is the user's own folder.
setter<profile> own_path(std::string profile::* member, const std::string& folder,
                         const std::optional<std::string>& home) {
    const auto counted = path(member, folder);
    return [=](profile& p, std::string_view text) -> result<void> {
        if (!home || !text.starts_with('~')) return counted(p, text);
        if (text.size() > 1 && text[1] != '/') return error{"expected ~/PATH, of one's own folder, or /PATH"};
        if (!home->starts_with('/')) return error{"expected $HOME to be a folder, for ~"};
        return counted(p, *home + std::string(text.substr(1)));
    };
}

fields<profile> table(const std::string& folder, const std::optional<std::string>& home) {
    return {{"host", value(&profile::host, parse_host), true},
            {"key", own_path(&profile::key, folder, home), true},
            {"service", value(&profile::service, parse_service)},
            {"time_servers", set_time_servers},
            {"nts_ca", own_path(&profile::nts_ca, folder, home)},
            {"require_nts", boolean(&profile::require_nts)},
            {"source", value(&profile::source, address::parse)},
            {"stun", set_stun},
            {"rounds", number(&profile::rounds, 1, 64)},
            {"gap", duration(&profile::gap, 0s, 5s)},
            {"wait", number(&profile::wait, 1, 65535)},
            {"wait_limit", duration(&profile::wait_limit, 100ms, 1h)},
            {"allow_loose_permissions", boolean(&profile::allow_loose_permissions)}};
}

} // namespace

result<void> set_profile_field(profile& p, std::string_view name, std::string_view text,
                               const std::string& folder) {
    const auto all = table(folder, {});
    const auto found = std::ranges::find(all, name, &field<profile>::name);
    if (found == all.end()) return error{"unknown field"};
    return found->set(p, text);
}

result<std::vector<profile>> parse_profiles(std::string_view text, const std::string& file,
                                            const std::optional<std::string>& home) {
    const auto sections = parse_ini(text);
    if (!sections) return in_file(file, sections.error());
    const auto all = table(folder_of(file), home);
    std::vector<profile> profiles;
    for (const auto& section : *sections) {
        if (section.name.empty() && section.fields.empty()) continue;
        if (!section.name.starts_with(mark) || section.name.size() == mark.size()) {
            const int line = section.name.empty() ? section.fields.front().line : section.line;
            return error{file + ":" + std::to_string(line) +
                         ": expected nothing outside sections "
                         "[profile.NAME]"};
        }
        profile p;
        p.name = section.name.substr(mark.size());
        if (const auto done = read_section(file, section, all, p); !done) return done.error();
        profiles.push_back(std::move(p));
    }
    return profiles;
}

} // namespace chronoknock::config
