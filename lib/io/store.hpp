#pragma once

#include "io/sqlite.hpp"
#include "io/store_mark.hpp"
#include "knock/replay.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chronoknock::io {

/// What the server must not forget: the knocks that are burnt. Each call is one transaction, committed when
/// it returns.
///
/// Before each commit the mark beside the database is renewed, and the commit notes what it became
/// (store_mark). If they differ when the store is opened, the database lacks something: a knock could not be
/// burnt and the process ended before it was, or an older copy of the file was put in its place. Then the
/// floor must be set anew. Not noticed is what changes both and the inode's change time too: a file system,
/// or a machine, that is put back as a whole.
class store {
public:
    static result<store> open(const std::string& path);

    result<std::vector<knock::burnt>> load();
    /// If it fails, the knocks are kept, and burnt by the next call that does not.
    result<void> burn(std::span<const knock::burnt> knocks);
    /// True if knocks are kept that could not be burnt.
    bool has_unburnt() const { return !unburnt_.empty(); }
    result<void> forget(std::span<const knock::burnt> knocks);

    /// Windows that began before this moment are refused (knock::replay_guard). Nothing as long as it must be
    /// set anew: the file is new or lacks something, or the machine went down without a clean stop, and what
    /// was accepted last may not have reached the disk.
    std::optional<unix_time> floor() const { return floor_; }
    result<void> set_floor(unix_time t);
    /// Sees everything to the disk, so that the next boot finds no gap. Nothing is to be burnt after it.
    result<void> close_cleanly();

private:
    store(database d, store_mark m) : db_(std::move(d)), mark_(std::move(m)) {}
    result<void> write_floor(const std::string& boot, unix_time t);
    result<void> note(const store_mark::state& s);
    result<bool> is_marked();
    error keep_unburnt(error why);

    database db_;
    store_mark mark_;
    std::optional<unix_time> floor_;
    std::vector<knock::burnt> unburnt_;
    /// It may lack knocks, so that no commit but a new floor's may say that it is as the mark has it.
    bool lacks_some_ = false;
};

} // namespace chronoknock::io
