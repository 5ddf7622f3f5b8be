#include "io/system/publish.hpp"

#include "io/system/descriptor.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

error why(const std::string& path) { return {path + ": cannot write: " + std::strerror(errno)}; }

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

result<void> publish_file(const std::string& path, std::string_view text, mode_t mode) {
    struct stat found {};
    if (::stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode))
        return error{path + ": expected a regular file or nothing there"};
    const auto name = path.rfind('/') == path.npos ? 0 : path.rfind('/') + 1;
    auto beside = path.substr(0, name) + "." + path.substr(name) + ".XXXXXX";
    const descriptor file(::mkostemp(beside.data(), O_CLOEXEC));
    if (!file) return why(path);
    if (!write_all(file.get(), text) || ::fchmod(file.get(), mode) != 0 ||
        ::rename(beside.c_str(), path.c_str()) != 0) {
        const auto failure = why(path);
        ::unlink(beside.c_str());
        return failure;
    }
    return {};
}

} // namespace chronoknock::io
