#include "io/store_mark.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

result<store_mark> store_mark::open(const std::string& path) {
    store_mark m(path, ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
    if (m.fd_ < 0) return m.why();
    const auto size = static_cast<ssize_t>(sizeof m.now_.count);
    // A new one, or one cut short, holds no count: it is 0, as no commit noted it.
    if (::pread(m.fd_, &m.now_.count, sizeof m.now_.count, 0) != size) m.now_.count = 0;
    if (const auto looked = m.look(); !looked) return looked.error();
    return m;
}

store_mark::store_mark(store_mark&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), now_(other.now_) {}

store_mark& store_mark::operator=(store_mark&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    std::swap(now_, other.now_);
    return *this;
}

store_mark::~store_mark() {
    if (fd_ >= 0) ::close(fd_);
}

result<store_mark::state> store_mark::renew() {
    const auto count = now_.count + 1;
    if (::pwrite(fd_, &count, sizeof count, 0) != static_cast<ssize_t>(sizeof count)) return why();
    now_.count = count;
    if (const auto looked = look(); !looked) return looked.error();
    return now_;
}

result<void> store_mark::sync() {
    if (::fsync(fd_) != 0) return why();
    return {};
}

result<void> store_mark::look() {
    // Not fstat: libfaketime, which the tests run the server with, makes its times up.
    struct statx s {};
    if (::statx(fd_, "", AT_EMPTY_PATH, STATX_CTIME, &s) != 0) return why();
    now_.changed = s.stx_ctime.tv_sec * 1'000'000'000 + s.stx_ctime.tv_nsec;
    return {};
}

error store_mark::why() const { return {path_ + ": " + std::strerror(errno)}; }

} // namespace chronoknock::io
