#pragma once

#include "base/time.hpp"
#include "packet/line_splitter.hpp"

#include <algorithm>
#include <boost/container/static_vector.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chronoknock::io {

/// What the kernel says of a file.
struct file_state {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;    ///< bytes
    std::int64_t modified = 0; ///< when, ns

    bool same_file(const file_state& other) const { return device == other.device && inode == other.inode; }
};

/// Decides how a log file is followed that may come late, grow, be renamed, replaced, cut to nothing. Pure:
/// it is told what there is and what was read, gives lines and what is to be done, and log_file does that.
///
/// A file that is there at the start is read from its end on, and so is one that was last modified before it;
/// one that comes later from its beginning. After a rotation the old file is read on until the new one has
/// something in it: the writer then has gone over.
///
/// Lines that were read must not count as arriving again when an editor rewrites the file, or a part of it is
/// cut off. So a file that took the old one's place, or was cut or changed, is read from where what was read
/// last stands in it; or from its end, if only its beginning is the old one's; or else from its beginning.
class log_follower {
public:
    enum class action {
        look,      ///< ask the kernel of the file of that name, then of the open one, then looked()
        open,      ///< the file of that name, then opened() or open_failed()
        close,     ///< the open file
        read,      ///< most_per_read bytes from offset() on, then read() or read_failed()
        read_ends, ///< its first most_head bytes and last most_per_read ones, then ends() or read_failed()
        wait,      ///< until something may have changed, recheck_after at the most; then wake()
        pause,     ///< pause_length, then wake()
        yield,     ///< wake() after others had their turn
        tell_following,
        tell_absent,
        tell_open_failed,
        tell_read_failed,
        tell_replaced,
        tell_truncated,
        tell_rewritten,
    };
    using actions = boost::container::static_vector<action, 4>;

    static constexpr std::size_t most_per_read = 64 << 10;
    /// Bytes at a file's beginning that tell it from another one: of a log, with a time in it.
    static constexpr std::size_t most_head = 256;
    /// Bytes read in one turn of the loop; then others get theirs.
    static constexpr std::size_t most_per_turn = 256 << 10;
    /// How long lines gather after some were read: waking is much of a line's cost.
    static constexpr auto pause_length = milliseconds(1);
    /// Not every file system tells of changes.
    static constexpr auto recheck_after = seconds(1);

    /// started: when the server began, by the clock of file_state::modified.
    explicit log_follower(std::int64_t started) : started_(started) {}

    actions wake();
    /// named: what the path names, held: what is open; none: nothing. held must have been asked for later.
    actions looked(const std::optional<file_state>& named, const std::optional<file_state>& held);
    actions opened(const file_state& file);
    actions open_failed();
    /// Gives the lines that were completed. `bytes`: from offset() on, as many as there were.
    template <class Each>
    actions read(std::string_view bytes, Each each);
    /// end: the file's last bytes, `end_at` its first one's place; all that there was when it was asked for.
    actions ends(std::string_view head, std::string_view end, std::uint64_t end_at);
    actions read_failed();

    /// Where reading goes on, a little before what was not read yet: see tail_.
    std::uint64_t offset() const { return position_ - tail_.size(); }
    const packet::line_splitter& lines() const { return lines_; }

private:
    static constexpr std::size_t most_tail = 256; // of a log, with a time in it
    static constexpr std::size_t least_tail = 64; // less may stand in any file

    actions find_place();
    std::uint64_t place_in(std::string_view head, std::string_view end, std::uint64_t end_at) const;
    void took(std::string_view bytes);
    actions after_read();

    packet::line_splitter lines_;
    std::uint64_t position_ = 0; ///< of the first byte that was not read yet
    /// What stands before it. Is something else there, the file was rewritten.
    std::string tail_;
    std::string head_;         ///< what it begins with
    bool emptied_ = false;     ///< it was cut to nothing: head_ and tail_ are what it had before
    std::int64_t checked_ = 0; ///< the file as modified then has tail_, if it has the size
    std::int64_t started_;     ///< ns
    bool from_end_ = true;     ///< the file that is opened
    bool opening_ = false;     ///< ends() is for one that was opened, not for one that was changed
    std::size_t turn_ = 0;     ///< bytes read in this turn
};

template <class Each>
log_follower::actions log_follower::read(std::string_view bytes, Each each) {
    if (!bytes.starts_with(tail_)) return find_place();
    bytes.remove_prefix(tail_.size());
    if (bytes.empty()) return {action::pause}; // it was cut meanwhile
    lines_.take(bytes, each);
    took(bytes);
    return after_read();
}

} // namespace chronoknock::io
