#include "io/capture/log_follower.hpp"

#include <utility>

namespace chronoknock::io {

log_follower::actions log_follower::wake() {
    turn_ = 0;
    return {action::look};
}

log_follower::actions log_follower::looked(const std::optional<file_state>& named,
                                           const std::optional<file_state>& held) {
    if (!held) {
        if (named) return {action::open};
        from_end_ = false; // whatever stands in a file that comes now came later
        return {action::tell_absent, action::wait};
    }
    if (held->size < position_) return begin_again();
    const bool changed = std::exchange(checked_, held->modified) != held->modified;
    if (held->size > position_ || (changed && position_ > 0)) return {action::read};
    // All that was in the old file when something was in the new one is read.
    if (named && !named->same_file(*held) && named->size > 0)
        return {action::close, action::tell_replaced, action::open};
    return {turn_ > 0 ? action::pause : action::wait};
}

log_follower::actions log_follower::opened(const file_state& file) {
    tail_.clear();
    // From the end: the last byte is read, to see whether it ends a line. If not, the rest of that is no
    // line.
    position_ = from_end_ && file.size > 0 ? file.size - 1 : 0;
    lines_.restart(position_ > 0);
    from_end_ = false;
    return {action::tell_following, action::look};
}

log_follower::actions log_follower::open_failed() { return {action::tell_open_failed, action::wait}; }

log_follower::actions log_follower::read_failed() {
    from_end_ = true; // what it has was read, but for a little
    return {action::close, action::tell_read_failed, action::wait};
}

log_follower::actions log_follower::begin_again() {
    position_ = 0;
    tail_.clear();
    lines_.restart(false);
    return {action::tell_truncated, action::look};
}

void log_follower::took(std::string_view bytes) {
    position_ += bytes.size();
    turn_ += bytes.size();
    tail_ += bytes.substr(bytes.size() - std::min(bytes.size(), most_tail));
    if (tail_.size() > most_tail) tail_.erase(0, tail_.size() - most_tail);
}

log_follower::actions log_follower::after_read() {
    return {turn_ < most_per_turn ? action::look : action::yield};
}

} // namespace chronoknock::io
