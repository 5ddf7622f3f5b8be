#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <string>

namespace chronoknock::io {

/// A small file beside the state file that tells whether that is as it was left: a count of its renewals, and
/// the moment at which the kernel says that the file's inode changed, which no program can choose (a copy put
/// in its place has another). It is written in place, into a block that it has from the start, so that a full
/// disk does not stop it.
class store_mark {
public:
    struct state {
        std::int64_t count;
        std::int64_t changed; ///< nanoseconds
        bool operator==(const state&) const = default;
    };

    /// Opens the file, or makes it, for its owner alone.
    static result<store_mark> open(const std::string& path);
    store_mark(store_mark&& other) noexcept;
    store_mark& operator=(store_mark&& other) noexcept;
    ~store_mark();

    const state& now() const { return now_; }
    /// Counts on; gives what the mark is then. If it fails, the mark may or may not have changed.
    result<state> renew();
    /// Sees it to the disk.
    result<void> sync();

private:
    store_mark(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    result<void> look();
    error why() const;

    std::string path_;
    int fd_;
    state now_{};
};

} // namespace chronoknock::io
