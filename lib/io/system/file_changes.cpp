#include "io/system/file_changes.hpp"

#include "io/system/descriptor.hpp"
#include "io/system/files.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

namespace fs = std::filesystem;

namespace {

error why(const std::string& path, const char* what) {
    return {path + ": " + what + ": " + std::strerror(errno)};
}

constexpr auto aside_end = ".removed";

/// A name beside a file that no pattern like *.ini matches.
std::string aside_of(const std::string& path) {
    const fs::path p(path);
    return (p.parent_path() / ("." + p.filename().string() + aside_end)).string();
}

/// Puts another text in the place of a file's, and leaves its owner and mode as they are.
result<void> rewrite(const std::string& path, const std::string& text) {
    std::error_code failed;
    const auto real = fs::canonical(path, failed).string(); // a symbolic link stays one
    if (failed) return error{path + ": " + failed.message()};
    const descriptor file(::open(real.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat s{};
    if (!file || ::fstat(file.get(), &s) != 0) return why(path, "cannot read its mode");
    if (!S_ISREG(s.st_mode)) return error{path + ": expected a regular file"};
    return put_in_place(real, text, {s.st_mode & 07777, std::pair(s.st_uid, s.st_gid)});
}

} // namespace

made_changes::made_changes() {
    sigset_t held;
    sigemptyset(&held);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&held, signal);
    sigprocmask(SIG_BLOCK, &held, &signals_);
}

made_changes::made_changes(made_changes&& other) noexcept
    : steps_(std::exchange(other.steps_, {})), signals_(other.signals_),
      open_(std::exchange(other.open_, false)) {}

made_changes::~made_changes() {
    if (!open_) return;
    take_back();
    sigprocmask(SIG_SETMASK, &signals_, nullptr);
}

result<made_changes> made_changes::make(const file_changes& wanted) {
    made_changes made;
    for (const auto& f : wanted.written)
        if (const auto done = made.write(f); !done) return done.error();
    for (const auto& path : wanted.gone)
        if (const auto done = made.put_aside(path); !done) return done.error();
    return {boost::system::in_place_value, std::move(made)};
}

result<void> made_changes::write(const file_changes::file& f) {
    const auto& [path, text, is_new] = f;
    struct stat s{};
    if (!is_new && ::lstat(path.c_str(), &s) == 0) {
        auto before = read_file(path);
        if (!before) return before.error();
        if (const auto done = rewrite(path, text); !done) return done;
        steps_.push_back({step::kind::changed, path, std::move(*before)});
        return {};
    }
    std::vector<std::string> missing;
    for (auto folder = fs::path(path).parent_path(); !folder.empty(); folder = folder.parent_path()) {
        if (::lstat(folder.c_str(), &s) == 0) break;
        missing.push_back(folder.string());
    }
    for (auto folder = missing.rbegin(); folder != missing.rend(); ++folder) {
        if (::mkdir(folder->c_str(), 0700) != 0) return why(*folder, "cannot make the folder");
        steps_.push_back({step::kind::folder, *folder});
    }
    if (const auto done = write_new_file(path, text); !done) return done;
    steps_.push_back({step::kind::fresh, path});
    return {};
}

result<void> made_changes::put_aside(const std::string& path) {
    const auto aside = aside_of(path);
    if (::rename(path.c_str(), aside.c_str()) != 0) return why(path, "cannot remove");
    steps_.push_back({step::kind::aside, path, aside});
    return {};
}

void made_changes::keep() {
    for (const auto& s : steps_)
        if (s.what == step::kind::aside) {
            ::unlink(s.before.c_str());
            sync_folder(s.path);
        }
    open_ = false;
    sigprocmask(SIG_SETMASK, &signals_, nullptr);
}

void made_changes::take_back() {
    for (auto s = steps_.rbegin(); s != steps_.rend(); ++s) switch (s->what) {
        case step::kind::folder:
            ::rmdir(s->path.c_str()); // stays if somebody else uses it by now
            break;
        case step::kind::fresh:
            remove_file(s->path);
            break;
        case step::kind::changed:
            (void)rewrite(s->path, s->before).has_value();
            break;
        case step::kind::aside:
            (void)!::rename(s->before.c_str(), s->path.c_str());
            break;
        }
}

void remove_put_aside(const std::string& folder) {
    std::error_code failed;
    std::vector<fs::path> found;
    for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
         entry.increment(failed)) {
        const auto name = entry->path().filename().string();
        std::error_code unknown;
        const bool is_file = entry->symlink_status(unknown).type() == fs::file_type::regular;
        if (is_file && name.starts_with('.') && name.ends_with(aside_end)) found.push_back(entry->path());
    }
    for (const auto& path : found) ::unlink(path.c_str());
    if (!found.empty()) sync_folder(found.front().string());
}

} // namespace chronoknock::io
