#include "io/system/terminal.hpp"

#include "io/system/descriptor.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

constexpr std::size_t most_of_a_line = 4096;

/// Keeps a terminal from showing what is typed.
class silence {
public:
    explicit silence(int fd) : fd_(fd) {
        if (::tcgetattr(fd_, &before_) != 0) return;
        auto quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        silent_ = ::tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
    }
    silence(const silence&) = delete;
    silence& operator=(const silence&) = delete;
    ~silence() {
        if (silent_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
    }
    explicit operator bool() const { return silent_; }

private:
    int fd_;
    termios before_{};
    bool silent_ = false;
};

result<std::string> read_line(int fd) {
    std::string line;
    for (char c = 0; line.size() < most_of_a_line;) {
        const auto got = ::read(fd, &c, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return error{std::string("cannot read: ") + std::strerror(errno)};
        if (got == 0 || c == '\n') break;
        line += c;
    }
    return {boost::system::in_place_value, std::move(line)};
}

} // namespace

result<std::string> read_unseen(const std::string& prompt) {
    const descriptor tty(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    if (!tty) return read_line(STDIN_FILENO);
    result<std::string> line = error{"the terminal cannot be kept from showing what is typed"};
    if (const silence quiet(tty.get()); quiet) {
        (void)!::write(tty.get(), prompt.data(), prompt.size());
        line = read_line(tty.get());
        (void)!::write(tty.get(), "\n", 1);
    }
    return line;
}

} // namespace chronoknock::io
