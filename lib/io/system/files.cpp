#include "io/system/files.hpp"

#include "io/system/descriptor.hpp"
#include "key/secret.hpp"
#include "method/method.hpp"

#include "base/ini.hpp"
#include "config/fields.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

namespace {

// More than the largest key that a method takes.
constexpr std::size_t most_key_file = 1 << 20;
constexpr std::size_t most_text_file = 16 << 20;

error why(const std::string& path, const char* what) {
    const bool roots = errno == EACCES && ::geteuid() == 0;
    return {path + ": " + what + ": " + std::strerror(errno) +
            (roots ? "; the server keeps no right to read what is not root's: chown root it and its folder"
                   : "")};
}

/// Opens a regular file. A FIFO that nobody writes to would be waited for without end; a device may never
/// end.
result<descriptor> open_for_reading(const std::string& path, int more_flags = 0) {
    descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | more_flags));
    if (!file) return why(path, "cannot open");
    struct stat s{};
    if (::fstat(file.get(), &s) != 0) return why(path, "cannot open");
    if (S_ISDIR(s.st_mode)) return error{path + ": cannot read: Is a directory"};
    if (!S_ISREG(s.st_mode)) return error{path + ": expected a regular file"};
    return file;
}

/// Text: std::string or key::secret_text. What is read goes nowhere but there.
template <class Text>
result<Text> read_all(int fd, const std::string& path, std::size_t most) {
    constexpr std::size_t chunk = 4096;
    Text text;
    // Its size and a byte, to see the end: a larger block of a secret's memory would be pages of its own,
    // locked and given back for each of 10,000 keys.
    struct stat s{};
    if (::fstat(fd, &s) == 0 && s.st_size > 0)
        text.resize(std::min(static_cast<std::size_t>(s.st_size), most) + 1);
    for (std::size_t read = 0;;) {
        if (read == text.size()) text.resize(std::max(read + chunk, 2 * read));
        const auto n = ::read(fd, text.data() + read, text.size() - read);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return why(path, "cannot read");
        read += static_cast<std::size_t>(n);
        if (read > most)
            return error{path + ": expected a file of at most " + std::to_string(most) + " bytes"};
        if (n > 0) continue;
        text.resize(read);
        return {boost::system::in_place_value, std::move(text)};
    }
}

result<void> check_permissions(int fd, const std::string& path) {
    struct stat s{};
    if (::fstat(fd, &s) != 0) return why(path, "cannot read its mode");
    if (s.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) {
        std::array<char, 8> mode{};
        std::snprintf(mode.data(), mode.size(), "%04o", s.st_mode & 07777u);
        return error{path + ": mode " + mode.data() +
                     " lets others than the owner read or write the key; expected chmod 600, or "
                     "--allow-loose-permissions"};
    }
    if (s.st_uid != ::geteuid() && s.st_uid != 0)
        return error{path + ": belongs to user " + std::to_string(s.st_uid) +
                     "; expected us or root as the owner of a key (chown), or --allow-loose-permissions"};
    return {};
}

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

/// The folder of a file, to be opened.
std::string folder(const std::string& path) { return config::folder_of(path) + "."; }

/// A name for a file that is to become `path`: "/etc/.a.ini.XXXXXX", for mkstemp(3).
std::string name_beside(const std::string& path) {
    const auto before = config::folder_of(path);
    return before + "." + path.substr(before.size()) + ".XXXXXX";
}

/// Writes an open file in full, mode 0600, and sees it to the disk.
bool fill(int fd, std::string_view text) {
    // Whatever the umask took away; it never adds.
    return ::fchmod(fd, 0600) == 0 && write_all(fd, text) && ::fsync(fd) == 0;
}

/// The same with another owner and mode; what cannot be done, or null. (A change of owner may take away bits
/// of the mode: the mode comes after it.)
const char* fill(int fd, std::string_view text, const file_look& how) {
    const bool is_ours = !how.owner || (how.owner->first == ::geteuid() && how.owner->second == ::getegid());
    if (!write_all(fd, text)) return "cannot write";
    if (!is_ours && ::fchown(fd, how.owner->first, how.owner->second) != 0) return "cannot keep its owner";
    if (::fchmod(fd, how.mode) != 0) return "cannot set its mode";
    return how.to_disk && ::fsync(fd) != 0 ? "cannot write" : nullptr;
}

error not_made(const std::string& path) {
    return errno == EEXIST ? error{path + ": exists already, and is never overwritten"}
                           : why(path, "cannot create");
}

/// Gives a file that has no name its own (open(2), O_TMPFILE). Fails if the name is taken.
bool give_name(int fd, const std::string& path) {
    const auto by_descriptor = "/proc/self/fd/" + std::to_string(fd);
    return ::linkat(AT_FDCWD, by_descriptor.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

/// Renames a file. Fails if the new name is taken. Not every file system has links, nor every one the flag.
bool rename_new(const std::string& from, const std::string& to) {
    if (::link(from.c_str(), to.c_str()) == 0) {
        ::unlink(from.c_str());
        return true;
    }
    return errno != EEXIST &&
           ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0;
}

/// Gives a file the name of another, or, by an exchange, of a folder that stands in its way: what is in that
/// would keep it from being removed.
bool take_name(const std::string& beside, const std::string& path, bool over_folders) {
    if (::rename(beside.c_str(), path.c_str()) == 0) return true;
    if (!over_folders || errno != EISDIR) return false;
    if (::renameat2(AT_FDCWD, beside.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) != 0) return false;
    ::rmdir(beside.c_str());
    return true;
}

/// By a temporary name beside it: where the file system has no files without a name, or /proc is missing.
result<void> write_by_other_name(const std::string& path, std::string_view text) {
    auto other = name_beside(path);
    const descriptor file(::mkostemp(other.data(), O_CLOEXEC));
    if (!file) return not_made(path);
    result<void> done;
    if (!fill(file.get(), text))
        done = why(path, "cannot write");
    else if (!rename_new(other, path))
        done = not_made(path);
    if (!done) ::unlink(other.c_str());
    return done;
}

} // namespace

void sync_folder(const std::string& path) {
    const descriptor held(::open(folder(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (held) ::fsync(held.get());
}

result<std::string> read_file(const std::string& path, std::size_t most) {
    const auto file = open_for_reading(path);
    if (!file) return file.error();
    return read_all<std::string>(file->get(), path, most);
}

result<std::string> read_own_file(const std::string& path) {
    const auto file = open_for_reading(path, O_NOFOLLOW);
    if (!file) return file.error();
    struct stat s{};
    if (::fstat(file->get(), &s) != 0) return why(path, "cannot read its mode");
    const bool is_owned = s.st_uid == ::geteuid() || s.st_uid == 0;
    if (!is_owned || s.st_nlink != 1 || (s.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return error{path + ": expected a file that belongs to us or root, with one name, and that no others "
                            "can write"};
    return read_all<std::string>(file->get(), path, most_text_file);
}

result<std::string> read_found_file(const std::string& path) {
    const auto file = open_for_reading(path);
    if (!file) return file.error();
    struct stat s{};
    if (::fstat(file->get(), &s) != 0) return why(path, "cannot read its mode");
    if (s.st_uid != ::geteuid() && s.st_uid != 0)
        return error{path + ": expected a file that belongs to us or root, since a pattern has found it"};
    return read_all<std::string>(file->get(), path, most_text_file);
}

result<key::secret_text> read_key_text(const std::string& path, bool allow_loose_permissions) {
    const auto file = open_for_reading(path);
    if (!file) return file.error();
    // What was opened is what is judged: no one can swap the file in between.
    if (!allow_loose_permissions)
        if (const auto fits = check_permissions(file->get(), path); !fits) return fits.error();
    return read_all<key::secret_text>(file->get(), path, most_key_file);
}

result<key::credential_ptr> read_key(const std::string& path, std::string_view text) {
    auto key = method::read_key(text);
    if (!key) return in_file(path, key.error());
    return key;
}

result<key::credential_ptr> load_key_file(const std::string& path, bool allow_loose_permissions) {
    const auto text = read_key_text(path, allow_loose_permissions);
    if (!text) return text.error();
    return read_key(path, *text);
}

result<void> write_new_file(const std::string& path, std::string_view text) {
    // It gets its name once it is whole: who is killed before leaves nothing.
    const descriptor file(::open(folder(path).c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
    if (!file) {
        if (const auto written = write_by_other_name(path, text); !written) return written;
    } else {
        if (!fill(file.get(), text)) return why(path, "cannot write");
        if (!give_name(file.get(), path)) {
            if (errno == EEXIST) return not_made(path);
            if (const auto written = write_by_other_name(path, text); !written) return written;
        }
    }
    sync_folder(path);
    return {};
}

void remove_file(const std::string& path) { ::unlink(path.c_str()); }

result<void> put_in_place(const std::string& path, std::string_view text, const file_look& how) {
    auto beside = name_beside(path);
    const descriptor file(::mkostemp(beside.data(), O_CLOEXEC));
    if (!file) return why(path, "cannot write");
    const char* cannot = fill(file.get(), text, how);
    if (!cannot && !take_name(beside, path, how.over_folders)) cannot = "cannot write";
    if (cannot) {
        const auto failure = why(path, cannot);
        ::unlink(beside.c_str());
        return failure;
    }
    if (how.to_disk) sync_folder(path);
    return {};
}

result<void> replace_file(const std::string& path, std::string_view text) {
    make_folders(std::filesystem::path(path).parent_path());
    return put_in_place(path, text, {.over_folders = true});
}

std::string folder_of(const std::string& path) {
    const auto folder = std::filesystem::path(path).parent_path().string();
    return folder.empty() ? "." : folder;
}

void make_folders(const std::filesystem::path& folder) {
    if (folder.empty() || ::mkdir(folder.c_str(), 0700) == 0 || errno != ENOENT) return;
    make_folders(folder.parent_path());
    ::mkdir(folder.c_str(), 0700);
}

} // namespace chronoknock::io
