#include "io/confinement.hpp"

#include "io/log/log.hpp"
#include "io/system/account.hpp"
#include "io/system/files.hpp"
#include "io/system/landlock.hpp"
#include "io/system/privileges.hpp"
#include "io/system/seccomp.hpp"

#include <ctime>
#include <filesystem>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chronoknock::io {

namespace fs = std::filesystem;

namespace {

constexpr const char* default_user = "chronoknock";

/// Where a file may be replaced by a new one its folder is needed; what is in / or /etc is named by itself.
std::string place_of(const std::string& path) {
    const auto folder = folder_of(path);
    return folder == "/" || folder == "/etc" ? path : folder;
}

bool listens_at_path(const config::server& c) { return c.metrics.listen && !c.metrics.listen->path.empty(); }

open_paths paths_of(const config::server& c) {
    open_paths p;
    // Of the kernel, of libraries and of the time zone; certificates of time servers. Nothing secret.
    p.readable = {"/proc",
                  "/usr",
                  "/lib",
                  "/lib64",
                  "/etc/ssl/certs",
                  "/etc/ssl/cert.pem",
                  "/etc/ssl/openssl.cnf",
                  "/etc/ca-certificates",
                  "/etc/pki/ca-trust",
                  "/etc/pki/tls/certs",
                  "/etc/pki/tls/cert.pem",
                  "/etc/pki/tls/openssl.cnf",
                  "/etc/crypto-policies",
                  "/var/lib/ca-certificates",
                  "/etc/localtime",
                  "/etc/nsswitch.conf",
                  "/etc/group",
                  "/etc/passwd",
                  "/etc/ld.so.cache",
                  "/dev/urandom"};
    p.writable = {folder_of(c.state), "/dev/null"};
    // For a server that stays root, which takes its socket away at its end, and makes one later that it could
    // not make before. (A user cannot in root's folder.) A folder of others, /run say, is not worth that.
    if (is_ours(folder_of(c.control))) p.writable.push_back(folder_of(c.control));
    if (!c.log.file.empty()) p.readable.push_back(place_of(c.log.file));
    if (!c.metrics.file.empty()) p.writable.push_back(folder_of(c.metrics.file));
    if (listens_at_path(c)) p.writable.push_back(folder_of(c.metrics.listen->path));
    return p;
}

/// A place that we may not even look at is none.
bool is_within(const std::string& path, const std::vector<std::string>& places) {
    std::error_code hidden;
    const auto whole = fs::weakly_canonical(path, hidden);
    if (hidden) return false;
    for (const auto& place : places) {
        const auto around = fs::weakly_canonical(place, hidden);
        if (hidden) continue;
        const auto relative = whole.lexically_relative(around);
        if (!relative.empty() && *relative.begin() != "..") return true;
    }
    return false;
}

/// Whether a file is among those of a folder, by its name or by what that leads to.
bool is_directly_in(const std::string& folder, const std::string& file) {
    std::error_code hidden;
    const auto whole = fs::weakly_canonical(folder, hidden);
    if (hidden) return false;
    const auto there = fs::weakly_canonical(folder_of(file), hidden);
    return whole == there || whole == fs::weakly_canonical(file, hidden).parent_path();
}

result<void> change_user(const std::string& name, const config::server& c) {
    // Without [server] control_group, which may be one that opens more: the socket is that group's already.
    const auto who = find_account(name);
    if (!who) return who.error();
    if (who->user == ::geteuid()) return {};
    if (::geteuid() != 0)
        return error{
            "[server] user: expected root to start the server, or no user: only root becomes another"};
    if (const auto given = hand_over(c.state, *who); !given) return given;
    return become(*who);
}

/// A server that whoever started it has made a user already, and who has a helper apart, becomes no other:
/// with a user that an earlier unit took from the configuration nobody is to be locked out.
void warn_of_other_user(const config::server& c) {
    if (c.user.empty()) return;
    if (const auto named = find_account(c.user); named && named->user == ::geteuid()) return;
    log::warning("[server] user: the server was started as " + own_name() +
                 ", and stays so; in a unit of systemd User= says who it is, and in that of the helper's "
                 "socket SocketUser=");
}

/// Of all that the helper does not open itself.
void open_what_stays_open() { ::tzset(); }

} // namespace

std::string own_name() {
    const auto* const found = ::getpwuid(::geteuid());
    return found ? found->pw_name : std::to_string(::geteuid());
}

std::string user_to_become(const config::server& c) {
    if (!c.user.empty()) return c.user;
    return ::geteuid() == 0 && is_user(default_user) ? default_user : "";
}

result<void> can_become_user(const config::server& c) {
    const auto name = user_to_become(c);
    if (name.empty() || ::geteuid() != 0) return {};
    const auto who = find_account(name);
    if (!who) return who.error();
    return who->user == 0 ? result<void>() : can_hand_over(c.state, *who);
}

result<void> keeps_record_apart(const config::server& c, const std::string& file, const std::string& user) {
    const bool is_apart = !user.empty();
    const auto name = is_apart ? user : user_to_become(c);
    const auto folder = folder_of(c.state);
    if (name.empty() || (!is_apart && c.user.empty() && !is_ours(folder))) return {};
    const auto who = find_account(name);
    if (!who || who->user == 0 || (who->user == ::geteuid() && !is_apart)) return {};
    std::vector<std::string> files{file};
    if (!c.include.empty()) files.push_back(c.include);
    for (const auto& k : c.keys) files.insert(files.end(), {k.stands_in, k.file});
    for (const auto& one : files)
        if (is_directly_in(folder, one))
            return error{file + ": [server] state: expected a folder of its own, since the user " +
                         who->name + " makes files in it; in " + folder + " there is " + one + " as well"};
    return {};
}

result<confinement> confine(const config::server& c, const helper_process& helper, bool has_control) {
    confinement in_force;
    open_what_stays_open();
    if (helper.is_apart())
        warn_of_other_user(c);
    else if (const auto name = user_to_become(c); !name.empty())
        if (const auto changed = change_user(name, c); !changed) {
            if (!c.user.empty()) return changed.error();
            log::warning(changed.error().text + stays_who_it_is);
        }
    if (::geteuid() == 0) take_back(c.state);
    make_folders(folder_of(c.state)); // what is not there when Landlock takes effect is never reached
    in_force.user = own_name();
    in_force.helper = helper.pid();
    if (const auto kept = keep_privileges(network_rights::all); !kept) return kept.error();

    in_force.reach = paths_of(c);
    if (const auto version = restrict_files(in_force.reach); version)
        in_force.landlock = *version;
    else
        log::warning(version.error().text);
    if (in_force.landlock == 0) log::warning("files are not restricted: this kernel has no Landlock");

    in_force.opens_path_sockets = ::geteuid() != 0 || !has_control || listens_at_path(c);
    const auto own = in_force.opens_path_sockets ? path_sockets::any : path_sockets::none;
    auto listener = restrict_calls(packet_sockets::listener, own);
    in_force.opens_packet_sockets = !listener || !helper.opens_packet_sockets_for(std::move(*listener));
    in_force.seccomp = bool(listener);
    if (!listener) {
        const auto plain = restrict_calls(packet_sockets::itself, own);
        in_force.seccomp = bool(plain);
        log::warning("the server opens packet sockets itself, and keeps CAP_NET_RAW: " +
                     listener.error().text);
        if (!plain) log::warning("system calls are not restricted: " + plain.error().text);
    }
    if (!in_force.opens_packet_sockets)
        if (const auto kept = keep_privileges(network_rights::admin); !kept) return kept.error();
    in_force.capabilities = capabilities();
    if (::geteuid() == 0 && user_to_become(c).empty())
        log::info("the server runs as root: there is no user chronoknock, and [server] user names none");
    return in_force;
}

bool can_make(const confinement& now, const std::string& path) {
    if (now.landlock != 0 && !is_within(path, now.reach.writable)) return false;
    return ::access(folder_of(path).c_str(), W_OK | X_OK) == 0;
}

result<void> stays_within(const confinement& now, const config::server& next) {
    if (now.seccomp && !now.opens_path_sockets && listens_at_path(next))
        return error{
            "[metrics] listen: the running server stays root, and opens no socket by a path any more; "
            "a restart changes that"};
    if (now.landlock == 0) return {};
    const auto& reach = now.reach;
    const auto reached = [&](const std::string& path, bool to_write) {
        return path.empty() || is_within(path, reach.writable) ||
               (!to_write && is_within(path, reach.readable));
    };
    const auto refuse = [](const char* field, const std::string& path) {
        return error{std::string(field) + ": " + path +
                     " is in a folder that the running server cannot reach; "
                     "a restart changes that"};
    };
    if (!reached(next.log.file, false)) return refuse("[capture] log", next.log.file);
    if (!reached(next.metrics.file, true)) return refuse("[metrics] file", next.metrics.file);
    if (next.metrics.listen && !reached(next.metrics.listen->path, true))
        return refuse("[metrics] listen", next.metrics.listen->path);
    return {};
}

} // namespace chronoknock::io
