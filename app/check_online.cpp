#include "app/check_online.hpp"

#include "firewall/backend.hpp"
#include "io/confinement.hpp"
#include "io/fleet/try_endpoints.hpp"
#include "io/system/account.hpp"
#include "io/system/groups.hpp"
#include "io/system/include.hpp"
#include "io/system/ownership.hpp"
#include "io/time/timesync.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <sys/stat.h>

namespace chronoknock::app {

namespace {

constexpr nanoseconds patience = seconds(5);

std::string folder_of(const std::string& path) {
    return std::filesystem::absolute(path).parent_path().lexically_normal().string();
}

/// Whoever can write to a file, or put another in its place, is whom the server works for.
class owner_check {
public:
    explicit owner_check(std::vector<std::string>& doubts) : doubts_(doubts) {}

    void add(const std::string& path, const std::string& which, io::kept_from others = io::kept_from::writing,
             const std::optional<io::also_trusted>& but = {}) {
        if (auto doubt = io::doubt_on_owner(path, which, others, but); !doubt.empty())
            doubts_.push_back(std::move(doubt));
    }
    /// With the folders that it is in.
    void add_file(const std::string& path, const std::string& which) {
        if (!seen_.insert(path).second) return;
        add(path, which);
        for (const auto& folder : io::folders_on_the_way(path))
            if (seen_.insert(folder).second) add(folder, "the folder of configuration or keys");
    }

private:
    std::vector<std::string>& doubts_;
    std::set<std::string> seen_;
};

/// Whose the record is.
std::optional<io::also_trusted> server_user(const config::server& s) {
    const auto name = io::user_to_become(s);
    const auto user = name.empty() ? result<io::account>(error{}) : io::find_account(name);
    if (!user) return {};
    return io::also_trusted{user->user, user->group};
}

void check_files(const config::server& s, const std::string& file, online_findings& found) {
    owner_check owners(found.doubts);
    owners.add_file(file, "the configuration");
    if (!s.include.empty())
        if (const auto included = io::read_included(s.include))
            for (const auto& f : *included) owners.add_file(f.path, "the configuration");
    // Whoever may add a file to the folder of included ones, be it empty, adds a key of his own.
    if (!s.include.empty()) owners.add_file(folder_of(s.include), "the folder of configuration or keys");
    for (const auto& k : s.keys) owners.add_file(k.file, "the key"); // who can read it was asked already
    for (const auto& one :
         {s.fleet.ca_file, s.fleet.cert_file, s.fleet.key_file, s.fleet.password_file, s.fleet.seal_file})
        if (!one.empty()) owners.add_file(one, "a file of [fleet]");
    if (!s.time.ca_file.empty()) owners.add_file(s.time.ca_file, "the list of authorities");
    const auto state = folder_of(s.state);
    if (struct stat st{}; ::stat(state.c_str(), &st) != 0 && errno == ENOENT)
        found.state_to_come = state;
    else
        owners.add(state, "the record's folder", io::kept_from::reading, server_user(s));
    owners.add(s.state, "the record", io::kept_from::reading, server_user(s));
    if (s.control_group.empty()) return;
    if (const auto id = io::group_id(s.control_group); !id)
        found.doubts.push_back("[server] control_group: " + id.error().text);
    else if (struct stat st{}; ::stat(folder_of(s.control).c_str(), &st) == 0 && !(st.st_mode & S_IXOTH) &&
                               !(st.st_gid == *id && (st.st_mode & S_IXGRP)))
        found.doubts.push_back("[server] control_group: the group " + s.control_group + " cannot reach " +
                               s.control + ": expected its folder to be theirs to pass (chgrp, chmod g+x)");
}

/// True if the servers tell the time.
bool ask_time(const config::time_settings& t, online_findings& found) {
    if (t.servers.empty()) return true;
    boost::asio::io_context context;
    io::time_service service(context, t, io::time_service::role::once);
    service.on_update([&] {
        if (service.settled()) context.stop();
    });
    service.start();
    context.run_for(patience);
    const auto said = service.report();
    for (const auto& s : said.servers)
        found.servers.push_back({s.name, bool(s.sampled), s.offset, s.bound, s.problem});
    found.verdict = said.verdict;
    return said.state == timesync::sync_state::synchronised;
}

} // namespace

online_findings check_online(const config::server& s, const std::string& file) {
    online_findings found;
    const bool knows_time = ask_time(s.time, found);
    if (s.fleet.is_set()) {
        found.endpoints = io::try_endpoints(s.fleet);
        if (std::ranges::none_of(found.endpoints, [](const auto& e) { return e.second.empty(); }))
            found.doubts.push_back("[fleet] endpoints: none answers: a server would take no knock of the "
                                   "fleet's keys now");
    }
    check_files(s, file, found);
    if (s.firewall.always_allow.empty() && firewall::backend_named(s.firewall.backend).can.guard)
        found.doubts.push_back(
            "[firewall] always_allow: nobody is let in without a knock: without time, record or key you are "
            "locked out; name an address of yours, and begin with `chronoknock server --trial 10m`");
    if (!knows_time && s.time.require)
        found.obstacle = "the time servers do not tell the time: a server would take no knock now";
    return found;
}

} // namespace chronoknock::app
