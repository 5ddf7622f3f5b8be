#include "client/volley.hpp"

#include <algorithm>

namespace chronoknock::client {

bool volley::enough() const {
    if (open_) return true;
    if (in_round()) return false; // a round is finished, for the sake of a server in strict mode
    return rounds_ >= pace_.most || (rounds_ >= pace_.least && answers_ == answered_.size());
}

volley::action volley::next(instant now) {
    if (enough()) return {step::done};
    if (syns_ != 0 && now < due_) return {step::wait, 0, due_};
    const auto port = at_++;
    ++syns_;
    due_ = now + pace_.gap;
    if (at_ == answered_.size()) {
        at_ = 0;
        ++rounds_;
        due_ = now + std::max(pace_.gap, pace_.pause);
    }
    return {step::send, port};
}

void volley::answered(std::size_t port) {
    if (!answered_[port]) ++answers_;
    answered_[port] = true;
}

} // namespace chronoknock::client
