#include "io/files.hpp"

#include "base/ini.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

namespace {

// More than the largest key that parse_psk takes.
constexpr std::size_t most_key_file = 1 << 20;

class descriptor {
public:
    explicit descriptor(int fd) : fd_(fd) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    explicit operator bool() const { return fd_ >= 0; }
    int get() const { return fd_; }

private:
    int fd_;
};

error why(const std::string& path, const char* what) {
    return {path + ": " + what + ": " + std::strerror(errno)};
}

descriptor open_for_reading(const std::string& path) {
    return descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
}

result<std::string> read_all(int fd, const std::string& path, std::size_t most) {
    std::string text;
    std::array<char, 65536> chunk;
    for (;;) {
        const auto n = ::read(fd, chunk.data(), chunk.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return why(path, "cannot read");
        if (n == 0) return {boost::system::in_place_value, std::move(text)};
        text.append(chunk.data(), static_cast<std::size_t>(n));
        if (text.size() > most)
            return error{path + ": expected a file of at most " + std::to_string(most) + " bytes"};
    }
}

result<void> check_permissions(int fd, const std::string& path) {
    struct stat s {};
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

} // namespace

result<std::string> read_file(const std::string& path, std::size_t most) {
    const auto file = open_for_reading(path);
    if (!file) return why(path, "cannot open");
    return read_all(file.get(), path, most);
}

result<key::psk> load_key_file(const std::string& path, bool allow_loose_permissions) {
    const auto file = open_for_reading(path);
    if (!file) return why(path, "cannot open");
    // What was opened is what is judged: no one can swap the file in between.
    if (!allow_loose_permissions)
        if (const auto fits = check_permissions(file.get(), path); !fits) return fits.error();
    const auto text = read_all(file.get(), path, most_key_file);
    if (!text) return text.error();
    auto key = key::parse_psk(*text);
    if (!key) return in_file(path, key.error());
    return key;
}

result<void> write_new_file(const std::string& path, std::string_view text) {
    const descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600));
    if (!file)
        return errno == EEXIST ? error{path + ": exists already, and is never overwritten"}
                               : why(path, "cannot create");
    // Whatever the umask took away; it never adds.
    if (::fchmod(file.get(), 0600) != 0 || !write_all(file.get(), text) || ::fsync(file.get()) != 0) {
        const auto failure = why(path, "cannot write");
        ::unlink(path.c_str());
        return failure;
    }
    // The name is on the disk once its folder is.
    const auto slash = path.rfind('/');
    const auto folder = slash == path.npos ? std::string(".") : path.substr(0, slash + 1);
    const descriptor held(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (held) ::fsync(held.get());
    return {};
}

} // namespace chronoknock::io
