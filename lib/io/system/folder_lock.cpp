#include "io/system/folder_lock.hpp"

#include "base/text.hpp"
#include "config/fields.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

namespace fs = std::filesystem;

namespace {

constexpr auto pace = std::chrono::milliseconds(20);

/// The process that holds a lock on an inode, by /proc/locks (proc(5)): "1: FLOCK ADVISORY WRITE PID
/// MAJOR:MINOR:INODE 0 EOF"; who waits for one has an arrow behind the number. 0: it does not show.
std::int64_t holder_of(ino_t inode) {
    std::ifstream locks("/proc/locks");
    for (std::string text; std::getline(locks, text);) {
        std::istringstream words(text);
        std::string number, kind, advisory, access, pid, place;
        words >> number >> kind >> advisory >> access >> pid >> place;
        if (kind != "FLOCK" || !place.ends_with(":" + std::to_string(inode))) continue;
        if (const auto n = parse_number(pid, 1, 1 << 30)) return *n;
    }
    return 0;
}

/// Makes a folder and those above it.
result<void> make_missing(const fs::path& folder, std::vector<std::string>& made) {
    struct stat s{};
    if (::stat(folder.c_str(), &s) == 0) return {};
    if (folder.has_parent_path() && folder.parent_path() != folder)
        if (const auto done = make_missing(folder.parent_path(), made); !done) return done;
    if (::mkdir(folder.c_str(), 0700) == 0)
        made.push_back(folder.string());
    else if (errno != EEXIST)
        return error{folder.string() + ": cannot make the folder: " + std::strerror(errno)};
    return {};
}

bool is_still(const std::string& path, const struct stat& opened) {
    struct stat now{};
    return ::lstat(path.c_str(), &now) == 0 && now.st_dev == opened.st_dev && now.st_ino == opened.st_ino;
}

} // namespace

result<folder_lock> folder_lock::take(const std::string& file, nanoseconds patience) {
    const auto before = config::folder_of(file);
    const std::string folder = before.empty()  ? "."
                               : before == "/" ? "/"
                                               : before.substr(0, before.size() - 1);
    const auto path = before + ".lock";
    const auto until = boot_now() + patience;
    folder_lock lock;
    for (;; std::this_thread::sleep_for(pace)) {
        if (const auto done = make_missing(folder, lock.made_); !done) return done.error();
        descriptor opened(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
        struct stat s{};
        if (!opened || ::fstat(opened.get(), &s) != 0) {
            if (errno == ENOENT && boot_now() < until) continue; // whoever made the folder took it back
            return error{path + ": cannot open: " + std::strerror(errno)};
        }
        if (!S_ISREG(s.st_mode)) return error{path + ": expected a regular file"};
        const bool is_held =
            ::flock(opened.get(), LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EINTR);
        // Whoever had it before may have taken the file back: what is locked then is nobody's.
        if (!is_held && is_still(path, s)) {
            lock.path_ = path;
            lock.file_ = std::move(opened);
            return {boost::system::in_place_value, std::move(lock)};
        }
        if (boot_now() < until) continue;
        opened = descriptor();
        const auto who = holder_of(s.st_ino);
        return error{folder + ": another program changes the files here" +
                     (who == 0 ? std::string() : ", process " + std::to_string(who)) +
                     "; it has not ended within " + to_string(patience)};
    }
}

folder_lock::~folder_lock() {
    // While it is locked: whoever waits sees that it is gone (is_still).
    if (file_) ::unlink(path_.c_str());
    for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) ::rmdir(folder->c_str());
}

} // namespace chronoknock::io
