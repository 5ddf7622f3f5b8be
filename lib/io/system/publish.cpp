#include "io/system/publish.hpp"

#include "io/system/files.hpp"

#include <sys/stat.h>

namespace chronoknock::io {

result<void> publish_file(const std::string& path, std::string_view text, mode_t mode) {
    struct stat found{};
    if (::stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode))
        return error{path + ": expected a regular file or nothing there"};
    return put_in_place(path, text, {.mode = mode, .to_disk = false});
}

} // namespace chronoknock::io
