#include "io/capture/source_machine.hpp"

#include <algorithm>

namespace chronoknock::io {

namespace {

constexpr int leak = 10000;
constexpr int burst = 128;
constexpr auto per_packet = nanoseconds(1'000'000'000 / leak);
constexpr auto memory = milliseconds(1); // of a flood that has ended

} // namespace

bool load_meter::busy(instant now, int packets) {
    drained_ = std::max(drained_, now) + packets * per_packet;
    const bool full = drained_ > now + burst * per_packet;
    drained_ = std::min(drained_, now + burst * per_packet + memory);
    return full;
}

source_machine::actions source_machine::start() {
    state_ = state::absent;
    return {action::look};
}

source_machine::actions source_machine::link_seen(link_state link) {
    if (state_ == state::stopped) return {};
    actions todo;
    const bool same = open() && link.index == index_;
    if (open() && !same) todo.push_back(action::close); // gone, or another one of the same name
    if (link.index == 0) {
        state_ = state::absent;
        todo.insert(todo.end(), {action::tell_absent, action::retry});
    } else if (!link.up) {
        state_ = same ? state::deaf : state::down;
        todo.insert(todo.end(), {action::tell_down, action::retry});
    } else if (same) {
        if (state_ == state::deaf) state_ = state::quiet;
        todo.push_back(action::tell_listening);
    } else if (state_ == state::doubtful) {
        state_ = state::failed;
        todo.insert(todo.end(), {action::tell_open_failed, action::retry});
    } else {
        state_ = state::opening;
        index_ = link.index;
        todo.push_back(action::open);
    }
    return todo;
}

source_machine::actions source_machine::opened() {
    if (state_ != state::opening) return {};
    state_ = state::quiet;
    return {action::wait, action::tell_listening};
}

source_machine::actions source_machine::open_failed() {
    if (state_ != state::opening) return {};
    state_ = state::doubtful;
    return {action::look};
}

source_machine::actions source_machine::read(int packets, instant now) {
    if (!open()) return {};
    const bool busy = load_.busy(now, packets);
    if (state_ != state::deaf || packets > 0) state_ = busy ? state::busy : state::quiet;
    actions todo;
    todo.push_back(!busy ? action::wait : packets < most_per_turn ? action::pause : action::yield);
    // A wake-up without a packet: perhaps the link changed.
    if (packets == 0) todo.push_back(action::look);
    return todo;
}

source_machine::actions source_machine::read_failed() {
    if (!open()) return {};
    state_ = state::failed;
    return {action::close, action::tell_read_failed, action::retry};
}

source_machine::actions source_machine::look_again() {
    if (state_ == state::stopped) return {};
    return {action::look};
}

source_machine::actions source_machine::stop() {
    state_ = state::stopped;
    return {action::close};
}

} // namespace chronoknock::io
