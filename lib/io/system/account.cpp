#include "io/system/account.hpp"

#include "base/text.hpp"
#include "io/system/descriptor.hpp"
#include "io/system/files.hpp"
#include "io/system/groups.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace chronoknock::io {

namespace fs = std::filesystem;

namespace {

constexpr mode_t of_record = 01770;
constexpr mode_t of_control = 01775;        // who may use the socket its own mode says
constexpr const char* ours = "chronoknock"; // the name of folders that are ours
constexpr const char* beside_record[] = {"", "-wal", "-shm", "-journal", "-mark", "-mark2"};

bool may_write(const struct stat& s, const account& who) {
    if (s.st_uid == who.user) return (s.st_mode & S_IWUSR) != 0;
    if (s.st_gid == who.group || std::ranges::count(who.groups, s.st_gid) != 0)
        return (s.st_mode & S_IWGRP) != 0;
    return (s.st_mode & S_IWOTH) != 0;
}

/// True if the user can write to it, now or already.
bool give_folder(const fs::path& folder, const account& to, mode_t mode) {
    std::error_code unknown;
    const bool was_there = fs::exists(folder, unknown);
    make_folders(folder);
    const descriptor held(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat s {};
    if (!held || ::fstat(held.get(), &s) != 0) return false;
    const bool is_ours = s.st_uid == ::geteuid() && (!was_there || folder.filename() == ours);
    if (is_ours && ::fchown(held.get(), uid_t(-1), to.group) == 0 && ::fchmod(held.get(), mode) == 0)
        return true;
    return may_write(s, to);
}

/// A file that the user himself may have put there is left alone: no link leads us elsewhere.
void give_file(const std::string& path, const account& to) {
    const descriptor file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat s {};
    if (!file || ::fstat(file.get(), &s) != 0 || !S_ISREG(s.st_mode) || s.st_nlink != 1) return;
    // Whom it belongs to stays untouched: a change shows in its time of change, by which the record knows its
    // marks.
    if (s.st_uid == to.user && s.st_gid == to.group) return;
    (void)!::fchownat(file.get(), "", to.user, to.group, AT_EMPTY_PATH);
}

} // namespace

bool is_user(const std::string& name) { return ::getpwnam(name.c_str()) != nullptr; }

result<account> find_account(const std::string& name, const std::string& more) {
    const auto number = parse_number(name, 0, 0xfffffffe);
    const auto* const found = number ? ::getpwuid(static_cast<uid_t>(*number)) : ::getpwnam(name.c_str());
    if (!found && !number) return error{"[server] user: there is no user '" + printable(name) + "'"};
    account a;
    a.name = found ? found->pw_name : name;
    a.user = found ? found->pw_uid : static_cast<uid_t>(*number);
    a.group = found ? found->pw_gid : static_cast<gid_t>(*number);
    a.groups = {a.group};
    if (found) {
        int count = 64;
        a.groups.resize(static_cast<std::size_t>(count));
        if (::getgrouplist(found->pw_name, found->pw_gid, a.groups.data(), &count) < 0) count = 64;
        a.groups.resize(static_cast<std::size_t>(count));
    }
    if (!more.empty())
        if (const auto id = group_id(more); id && !std::ranges::count(a.groups, *id)) a.groups.push_back(*id);
    return a;
}

result<void> hand_over(const std::string& state, const std::string& control, const account& to) {
    const auto folder = fs::path(state).parent_path();
    if (!give_folder(folder, to, of_record))
        return error{"[server] state: " + folder.string() + " cannot be written by the user " + to.name +
                     "; expected chown root:" + to.name + " and chmod 1770"};
    for (const auto* const end : beside_record) give_file(state + end, to);
    if (const auto other = fs::path(control).parent_path(); other != folder)
        (void)give_folder(other, to, of_control); // it is root who listens there
    return {};
}

void take_back(const std::string& state) {
    account us;
    us.user = ::geteuid();
    us.group = ::getegid();
    for (const auto* const end : beside_record) give_file(state + end, us);
    const auto folder = fs::path(state).parent_path();
    struct stat s {};
    if (folder.filename() == ours && ::lstat(folder.c_str(), &s) == 0 && (s.st_mode & 07777) == of_record)
        (void)give_folder(folder, us, 0700);
}

result<void> do_as(const account& who, const std::function<void()>& work) {
    int failed = 0;
    std::thread([&] {
        // By the kernel's calls, which are for one thread: the library's are for all.
        if (::syscall(SYS_setgroups, who.groups.size(), who.groups.data()) != 0 ||
            ::syscall(SYS_setresgid, who.group, who.group, who.group) != 0 ||
            ::syscall(SYS_setresuid, who.user, who.user, who.user) != 0)
            failed = errno;
        else
            work();
    }).join();
    if (failed != 0) return error{"becoming " + who.name + ": " + std::strerror(failed)};
    return {};
}

result<void> become(const account& who) {
    const auto failed = [&](const char* call) {
        return error{"[server] user: cannot become " + who.name + ": " + call + ": " + std::strerror(errno)};
    };
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failed("PR_SET_KEEPCAPS");
    if (::setgroups(who.groups.size(), who.groups.data()) != 0) return failed("setgroups");
    if (::setresgid(who.group, who.group, who.group) != 0) return failed("setresgid");
    if (::setresuid(who.user, who.user, who.user) != 0) return failed("setresuid");
    if (::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) return failed("PR_SET_KEEPCAPS");
    return {};
}

} // namespace chronoknock::io
