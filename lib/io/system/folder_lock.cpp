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
    struct stat s {};
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
    struct stat now {};
    return ::stat(path.c_str(), &now) == 0 && now.st_dev == opened.st_dev && now.st_ino == opened.st_ino;
}

} // namespace

result<folder_lock> folder_lock::take(const std::string& file, nanoseconds patience) {
    const auto before = config::folder_of(file);
    const std::string path = before.empty() ? "." : before == "/" ? "/" : before.substr(0, before.size() - 1);
    const auto until = boot_now() + patience;
    folder_lock lock;
    for (;; std::this_thread::sleep_for(pace)) {
        if (const auto done = make_missing(path, lock.made_); !done) return done.error();
        lock.folder_ = descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        struct stat opened {};
        if (!lock.folder_ || ::fstat(lock.folder_.get(), &opened) != 0) {
            if (errno == ENOENT && boot_now() < until) continue; // whoever made it took it back
            return error{path + ": cannot open: " + std::strerror(errno)};
        }
        if (::flock(lock.folder_.get(), LOCK_EX | LOCK_NB) == 0) {
            // Whoever had it before may have taken the folder back.
            if (is_still(path, opened) || boot_now() >= until)
                return {boost::system::in_place_value, std::move(lock)};
            continue;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) return {boost::system::in_place_value, std::move(lock)};
        if (boot_now() < until) continue;
        const auto who = holder_of(opened.st_ino);
        return error{path + ": another program changes the files here" +
                     (who == 0 ? std::string() : ", process " + std::to_string(who)) +
                     "; it has not ended within " + to_string(patience)};
    }
}

folder_lock::~folder_lock() {
    for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) ::rmdir(folder->c_str());
}

} // namespace chronoknock::io
