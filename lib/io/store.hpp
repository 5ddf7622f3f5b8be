#pragma once

#include "io/sqlite.hpp"
#include "knock/replay.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chronoknock::io {

/// What the server must not forget: the knocks that are burnt. Each call is one transaction, committed when
/// it returns.
class store {
public:
    static result<store> open(const std::string& path);

    result<std::vector<knock::burnt>> load();
    result<void> burn(std::span<const knock::burnt> knocks);
    result<void> forget(std::span<const knock::burnt> knocks);

    /// Windows that began before this moment are refused (knock::replay_guard). Nothing as long as it must be
    /// set anew: the file is new, or the machine went down without a clean stop, and what was accepted last
    /// may not have reached the disk.
    std::optional<unix_time> floor() const { return floor_; }
    result<void> set_floor(unix_time t);
    /// Sees everything to the disk, so that the next boot finds no gap. Nothing is to be burnt after it.
    result<void> close_cleanly();

private:
    explicit store(database d) : db_(std::move(d)) {}
    result<void> write_floor(const std::string& boot, unix_time t);

    database db_;
    std::optional<unix_time> floor_;
};

} // namespace chronoknock::io
