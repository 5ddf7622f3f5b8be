#pragma once

#include "base/time.hpp"
#include "timesync/nts.hpp"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace chronoknock::timesync {

/// How long a better answer is waited for after a NAK, which anyone on the path can make (RFC 8915, section
/// 5.7); less than a peer waits for answers.
inline constexpr nanoseconds nak_patience = milliseconds(500);

/// Which of the datagrams that come to a query's socket are handed to the synchroniser, and when: without NTS
/// each at once; with it what is proven to be the server's at once, and a NAK when it was held for a while
/// and nothing proven came.
class answer_gate {
public:
    enum class state {
        open,    ///< no NAK came yet
        nak_held ///< the first one waits for its time
    };
    /// For synchroniser::receive(). datagram: the caller's, or the gate's until it is called again.
    struct passed {
        std::span<const std::uint8_t> datagram;
        instant received;
        bool authenticated;
    };

    /// Of a query without NTS.
    answer_gate() = default;
    /// Of one under NTS; what is proven leaves its cookies in the session.
    answer_gate(std::shared_ptr<nts_session> session, const nts_unique_id& id)
        : session_(std::move(session)), unique_id_(id) {}

    std::optional<passed> receive(std::span<const std::uint8_t> datagram, instant now);
    /// A held NAK whose time has come; to be called at deadline().
    std::optional<passed> poll(instant now);
    instant deadline() const;
    state now() const { return state_; }

private:
    std::shared_ptr<nts_session> session_;
    nts_unique_id unique_id_{};
    state state_ = state::open;
    std::vector<std::uint8_t> nak_;
    instant nak_received_{};
};

} // namespace chronoknock::timesync
