#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace chronoknock::io {

/// A small file beside the state file that tells whether that is as it was left: a count, the moment at which
/// the kernel says that the file's inode changed, which no program can choose (a copy put in its place has
/// another), and some bytes of its owner's. It is written in place, into a block that it has from the start,
/// so that a full disk does not stop it.
class store_mark {
public:
    struct state {
        std::int64_t count = 0;   ///< 0: never renewed; below: the file is no mark
        std::int64_t changed = 0; ///< nanoseconds; 0 before the first renewal
        bool operator==(const state&) const = default;
    };

    /// Most bytes that a mark can hold.
    static constexpr std::size_t most = 4080;

    /// Opens the file, or makes it, for its owner alone.
    static result<store_mark> open(const std::string& path);
    store_mark(store_mark&& other) noexcept;
    store_mark& operator=(store_mark&& other) noexcept;
    ~store_mark();

    const state& now() const { return now_; }
    /// What it held when it was opened.
    const std::string& held() const { return held_; }
    /// Gives it a count and what it is to hold. If it fails, the mark may or may not have changed.
    result<void> renew(std::int64_t count, std::string_view holds);
    /// Sees it to the disk.
    result<void> sync();

private:
    store_mark(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    result<void> read();
    result<void> write(std::string_view bytes);
    result<void> look();
    error why() const;

    std::string path_;
    int fd_;
    state now_;
    std::string held_;
};

} // namespace chronoknock::io
