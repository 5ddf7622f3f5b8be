#include "io/capture/log_follower.hpp"

#include <algorithm>
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
        from_end_ = false; // what is written to a file that comes now came later
        return {action::tell_absent, action::wait};
    }
    if (held->size < position_ || (emptied_ && held->size > 0)) return find_place();
    const bool changed = std::exchange(checked_, held->modified) != held->modified;
    if (held->size > position_ || (changed && position_ > 0)) return {action::read};
    // All that was in the old file when something was in the new one is read.
    if (named && !named->same_file(*held) && named->size > 0)
        return {action::close, action::tell_replaced, action::open};
    return {turn_ > 0 ? action::pause : action::wait};
}

log_follower::actions log_follower::opened(const file_state& file) {
    from_end_ = from_end_ || file.modified < started_;
    opening_ = true;
    return {action::tell_following, action::read_ends};
}

log_follower::actions log_follower::open_failed() { return {action::tell_open_failed, action::wait}; }

log_follower::actions log_follower::read_failed() {
    from_end_ = true; // what it has was read, but for a little
    return {action::close, action::tell_read_failed, action::wait};
}

log_follower::actions log_follower::find_place() {
    opening_ = false;
    return {action::read_ends};
}

log_follower::actions log_follower::ends(std::string_view head, std::string_view end, std::uint64_t end_at) {
    const bool opened = std::exchange(opening_, false);
    const bool was_emptied = std::exchange(emptied_, !opened && head.empty());
    position_ = emptied_ ? 0 : place_in(head, end, end_at);
    from_end_ = false;
    if (!emptied_) {
        const auto before = end.substr(0, position_ - std::min(position_, end_at));
        tail_ = before.substr(before.size() - std::min(before.size(), most_tail));
        head_ = position_ > 0 ? head : "";
    }
    // Of what has begun before the rest is no line.
    lines_.restart(!tail_.empty() && position_ > 0 && tail_.back() != '\n');
    if (position_ > 0 && !opened) return {action::tell_rewritten, action::look};
    if (opened || was_emptied) return {action::look};
    return {action::tell_truncated, action::look};
}

/// Where to go on in a file of which nothing is known but what was read of the one before.
std::uint64_t log_follower::place_in(std::string_view head, std::string_view end,
                                     std::uint64_t end_at) const {
    const auto size = end_at + end.size();
    if (from_end_) return size;
    if (tail_.size() >= least_tail)
        if (const auto found = end.rfind(tail_); found != end.npos) return end_at + found + tail_.size();
    const auto common = std::min(head.size(), head_.size());
    return common > 0 && head.substr(0, common) == head_.substr(0, common) ? size : 0;
}

void log_follower::took(std::string_view bytes) {
    if (position_ <= head_.size() && head_.size() < most_head) {
        const auto fresh = bytes.substr(std::min<std::size_t>(bytes.size(), head_.size() - position_));
        head_ += fresh.substr(0, most_head - head_.size());
    }
    position_ += bytes.size();
    turn_ += bytes.size();
    tail_ += bytes.substr(bytes.size() - std::min(bytes.size(), most_tail));
    if (tail_.size() > most_tail) tail_.erase(0, tail_.size() - most_tail);
}

log_follower::actions log_follower::after_read() {
    return {turn_ < most_per_turn ? action::look : action::yield};
}

} // namespace chronoknock::io
