#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "io/system/descriptor.hpp"

#include <string>
#include <vector>

namespace chronoknock::io {

/// One at a time changes the files of a folder: flock(2) on the file `.lock` in it, which is there while
/// somebody holds it. It is its owner's alone (mode 0600): a lock on the folder itself, or on a file that
/// others can read, could be held by every user of the machine. Only those who ask for it heed it. It ends
/// with its object, and with the process.
class folder_lock {
public:
    /// Takes the lock of a file's folder, which is made if need be, with those above it, each for the user
    /// alone. Who holds it is waited for; after `patience` the error says which process that is, as far as
    /// /proc/locks shows it. Where the file system has no locks, there is none.
    static result<folder_lock> take(const std::string& file, nanoseconds patience);
    folder_lock(folder_lock&&) noexcept = default;
    folder_lock& operator=(folder_lock&&) = delete;
    /// Takes back the file, and the folders that it made, if nothing came into them.
    ~folder_lock();

private:
    folder_lock() = default;

    std::vector<std::string> made_; ///< the outermost first
    std::string path_;              ///< of the file
    descriptor file_;               ///< locked
};

} // namespace chronoknock::io
