#pragma once

#include <unistd.h>
#include <utility>

namespace chronoknock::io {

/// Owns a file descriptor, or none (-1).
class descriptor {
public:
    explicit descriptor(int fd = -1) : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    explicit operator bool() const { return fd_ >= 0; }
    int get() const { return fd_; }
    /// Whoever calls this owns it.
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_;
};

} // namespace chronoknock::io
