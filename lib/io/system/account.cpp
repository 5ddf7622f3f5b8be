#include "io/system/account.hpp"

#include "base/text.hpp"
#include "io/system/descriptor.hpp"
#include "io/system/files.hpp"

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
#include <utility>

namespace chronoknock::io {

namespace fs = std::filesystem;

namespace {

constexpr mode_t of_record = 01770;
constexpr const char* ours = "chronoknock";               // the name of folders that are ours
constexpr const char* of_helper = "/var/lib/chronoknock"; // what its unit lets it give away
constexpr const char* of_manager = "/run/chronoknock";    // RuntimeDirectory= of the server's unit
constexpr const char* beside_record[] = {"", "-wal", "-shm", "-journal", "-mark", "-mark2"};

/// The folders above one that is to be made are for others to pass, whatever the umask.
void make_way_to(const fs::path& folder) {
    const auto own = ::umask(022);
    std::error_code told_by_the_folder_itself;
    fs::create_directories(folder.parent_path(), told_by_the_folder_itself);
    ::umask(own);
}

/// Makes it and gives it to the user's group, as far as it is ours to give.
void give_folder(const fs::path& folder, const account& to, mode_t mode) {
    std::error_code unknown;
    const bool was_there = fs::exists(folder, unknown);
    if (!was_there) make_way_to(folder);
    make_folders(folder);
    const descriptor held(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat s{};
    if (!held || ::fstat(held.get(), &s) != 0) return;
    const bool may_change = s.st_uid == ::geteuid() && (!was_there || is_ours(folder));
    if (may_change && ::fchown(held.get(), uid_t(-1), to.group) == 0) (void)!::fchmod(held.get(), mode);
}

/// Whether give_folder() would make it his, or make it.
bool is_to_be_given(const fs::path& folder) {
    struct stat s{};
    if (::lstat(folder.c_str(), &s) != 0) return errno == ENOENT;
    return S_ISDIR(s.st_mode) && s.st_uid == ::geteuid() && is_ours(folder);
}

/// What keeps the user from making files in a folder, as the kernel says it to him; empty: nothing.
result<std::string> obstacle(const fs::path& folder, const account& who, bool is_writable) {
    std::string found;
    const auto asked = do_as(who, [&] {
        fs::path way;
        for (const auto& part : folder.parent_path())
            if (::access((way /= part).c_str(), X_OK) != 0 && errno == EACCES) {
                found = "cannot be reached by the user " + who.name + ", whom " + way.string() +
                        " does not let pass; expected chmod o+x " + way.string() + ", or another folder";
                return;
            }
        if (!is_writable && ::access(folder.c_str(), W_OK | X_OK) != 0)
            found = "cannot be written by the user " + who.name + "; expected chown root:" + who.name +
                    " and chmod 1770";
    });
    if (!asked) return asked.error();
    return {boost::system::in_place_value, std::move(found)};
}

result<void> judge(const std::string& folder, const result<std::string>& why_not,
                   const char* field = "state") {
    if (!why_not) return why_not.error();
    if (!why_not->empty()) return error{std::string("[server] ") + field + ": " + folder + " " + *why_not};
    return {};
}

/// The first file of a record that is there and that we cannot read and write; empty: none.
std::string shut_file(const std::string& state) {
    for (const auto* const end : beside_record)
        if (const auto file = state + end;
            ::access(file.c_str(), R_OK | W_OK) != 0 && (errno == EACCES || errno == EROFS))
            return file;
    return {};
}

/// A file that the user himself may have put there is left alone: no link leads us elsewhere.
void give_file(const std::string& path, const account& to) {
    const descriptor file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat s{};
    if (!file || ::fstat(file.get(), &s) != 0 || !S_ISREG(s.st_mode) || s.st_nlink != 1) return;
    // Whom it belongs to stays untouched: a change shows in its time of change, by which the record knows its
    // marks.
    if (s.st_uid == to.user && s.st_gid == to.group) return;
    (void)!::fchownat(file.get(), "", to.user, to.group, AT_EMPTY_PATH);
}

} // namespace

bool is_ours(const std::string& folder) { return fs::path(folder).filename() == ours; }

bool is_user(const std::string& name) { return ::getpwnam(name.c_str()) != nullptr; }

result<account> find_account(const std::string& name) {
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
    return a;
}

result<void> can_hand_over(const std::string& state, const account& to) {
    const auto folder = folder_of(state);
    return judge(folder, obstacle(folder, to, is_to_be_given(folder)));
}

result<void> hand_over(const std::string& state, const account& to) {
    const auto folder = folder_of(state);
    give_folder(folder, to, of_record);
    if (const auto fit = judge(folder, obstacle(folder, to, false)); !fit) return fit;
    for (const auto* const end : beside_record) give_file(state + end, to);
    return {};
}

void give_record(const std::string& state, const account& to) {
    give_folder(folder_of(state), to, of_record);
    for (const auto* const end : beside_record) give_file(state + end, to);
}

result<void> can_serve_apart(const std::string& state, const std::string& control, const account& who) {
    const auto folder = folder_of(state);
    const bool is_given = folder == of_helper && is_to_be_given(folder);
    if (const auto fit = judge(folder, obstacle(folder, who, is_given)); !fit) return fit;
    std::string shut;
    if (!is_given)
        if (const auto asked = do_as(who, [&] { shut = shut_file(state); }); !asked) return asked;
    if (!shut.empty())
        return error{"[server] state: " + shut + " cannot be read and written by the user " + who.name +
                     "; expected chown " + who.name};
    const auto listens = folder_of(control);
    if (listens == of_manager) return {};
    return judge(listens, obstacle(listens, who, false), "control");
}

result<void> reaches_record(const std::string& state) {
    const auto folder = folder_of(state);
    make_folders(folder);
    auto shut = ::access(folder.c_str(), W_OK | X_OK) == 0 ? std::string() : folder;
    if (shut.empty()) shut = shut_file(state);
    const auto why = errno;
    if (shut.empty()) return {};
    return error{"[server] state: " + shut + ": " + std::strerror(why) + "; expected " +
                 (why == EROFS
                      ? "ReadWritePaths=" + folder + " in chronoknock.service and chronoknock-helper@.service"
                      : std::string("what the server's user can write"))};
}

void take_back(const std::string& state) {
    account us;
    us.user = ::geteuid();
    us.group = ::getegid();
    for (const auto* const end : beside_record) give_file(state + end, us);
    const auto folder = folder_of(state);
    struct stat s{};
    if (is_ours(folder) && ::lstat(folder.c_str(), &s) == 0 && (s.st_mode & 07777) == of_record)
        give_folder(folder, us, 0700);
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
