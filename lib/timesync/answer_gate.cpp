#include "timesync/answer_gate.hpp"

namespace chronoknock::timesync {

std::optional<answer_gate::passed> answer_gate::receive(std::span<const std::uint8_t> datagram, instant now) {
    if (!session_) return passed{datagram, now, false};
    const auto verdict = nts_check(datagram, unique_id_, *session_);
    if (verdict && *verdict == nts_verdict::nak) {
        if (state_ == state::open) {
            state_ = state::nak_held;
            nak_.assign(datagram.begin(), datagram.end());
            nak_received_ = now;
        }
        return std::nullopt;
    }
    // A refusal to serve (stratum 0) that is not authenticated: anybody on the path could end the
    // association.
    if (!verdict && datagram.size() > 1 && datagram[1] == 0) return std::nullopt;
    return passed{datagram, now, verdict.has_value()};
}

std::optional<answer_gate::passed> answer_gate::poll(instant now) {
    if (now < deadline()) return std::nullopt;
    state_ = state::open;
    return passed{nak_, nak_received_, false};
}

instant answer_gate::deadline() const {
    return state_ == state::nak_held ? nak_received_ + nak_patience : instant::max();
}

} // namespace chronoknock::timesync
