#include "app/check_online.hpp"

#include "app/options.hpp"
#include "io/system/groups.hpp"
#include "io/time/timesync.hpp"

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace chronoknock::app {

namespace {

constexpr nanoseconds patience = seconds(5);

void warn(const std::string& text) { tell("warning: " + text); }

void line(std::string_view name, const std::string& text) {
    std::cout << std::left << std::setw(14) << name << text << "\n";
}

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string octal(mode_t mode) {
    char text[16];
    std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
    return text;
}

/// Whoever can write to a file, or put another in its place, is whom the server works for.
void check_owner(const std::string& path, const char* which, bool secret) {
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0) {
        if (errno != ENOENT) warn(path + ": cannot look: " + std::strerror(errno));
        return;
    }
    if (s.st_uid != 0 && s.st_uid != ::geteuid())
        warn(path + ": " + which + " belongs to user " + std::to_string(s.st_uid) +
             ", who can change it; expected us or root");
    if (const bool sticky = S_ISDIR(s.st_mode) && (s.st_mode & S_ISVTX);
        !sticky && (s.st_mode & (S_IWGRP | S_IWOTH)))
        warn(path + ": mode " + octal(s.st_mode) + " lets others change " + which + "; expected chmod go-w");
    else if (secret && (s.st_mode & (S_IRWXG | S_IRWXO)))
        warn(path + ": mode " + octal(s.st_mode) + " lets others into " + which + "; expected chmod go-rwx");
}

void check_files(const config::server& s, const std::string& file) {
    check_owner(file, "the configuration", false);
    std::set<std::string> folders{folder_of(file)};
    for (const auto& k : s.keys) {
        check_owner(k.file, "the key", false); // who can read it was asked when it was read
        folders.insert(folder_of(k.file));
    }
    for (const auto& folder : folders) check_owner(folder, "the folder of configuration or keys", false);
    const auto state = folder_of(s.state);
    if (struct stat st{}; ::stat(state.c_str(), &st) != 0 && errno == ENOENT)
        line("state folder", state + " is not there yet: the server makes it");
    else
        check_owner(state, "the record's folder", true);
    check_owner(s.state, "the record", true);
    if (s.control_group.empty()) return;
    if (const auto id = io::group_id(s.control_group); !id)
        warn("[server] control_group: " + id.error().text);
    else if (struct stat st{}; ::stat(folder_of(s.control).c_str(), &st) == 0 && !(st.st_mode & S_IXOTH) &&
                               !(st.st_gid == *id && (st.st_mode & S_IXGRP)))
        warn("[server] control_group: the group " + s.control_group + " cannot reach " + s.control +
             ": expected its folder to be theirs to pass (chgrp, chmod g+x)");
}

/// True if the servers tell the time.
bool ask_time(const config::time_settings& t) {
    if (t.servers.empty()) return true;
    boost::asio::io_context context;
    io::time_service service(context, t, io::time_service::role::once);
    service.on_update([&] {
        if (service.settled()) context.stop();
    });
    service.start();
    context.run_for(patience);
    const auto said = service.report();
    for (const auto& s : said.servers) {
        char heard[96];
        std::snprintf(heard, sizeof heard, "%+.6f s, give or take %.6f s",
                      std::chrono::duration<double>(s.offset).count(),
                      std::chrono::duration<double>(s.bound).count());
        line("time server",
             s.name + (s.sampled ? std::string(": ") + heard + (s.problem.empty() ? "" : "; " + s.problem)
                                 : ": no answer" + (s.problem.empty() ? "" : ": " + s.problem)));
    }
    line("time now", said.verdict);
    return said.state == timesync::sync_state::synchronised;
}

} // namespace

bool check_online(const config::server& s, const std::string& file) {
    std::cout << "\n";
    const bool knows_time = ask_time(s.time);
    check_files(s, file);
    if (s.firewall.always_allow.empty())
        warn("[firewall] always_allow: nobody is let in without a knock: without time, record or key you are "
             "locked out; name an address of yours, and begin with `chronoknock server --trial 10m`");
    if (!knows_time && s.time.require)
        tell("the time servers do not tell the time: a server would take no knock now");
    return knows_time || !s.time.require;
}

} // namespace chronoknock::app
