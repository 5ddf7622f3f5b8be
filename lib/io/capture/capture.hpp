#pragma once

#include "base/error.hpp"
#include "base/port_set.hpp"
#include "base/time.hpp"
#include "packet/syn.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace chronoknock::io {

/// What is done with captured SYNs.
class capture_handler {
public:
    /// One SYN to a port of the pool; `now` is the moment of its batch.
    virtual void syn(const packet::syn& s, instant now) = 0;
    /// After the last SYN of a batch.
    virtual void batch_end(instant now) = 0;

protected:
    ~capture_handler() = default;
};

/// Sees the SYNs that come in by some interfaces. Quiet, it wakes for each; busy, it lets them gather for
/// half a millisecond, since waking is most of a packet's cost. An interface that is missing or down is
/// waited for, and the log says so.
class capture {
public:
    struct counters {
        std::uint64_t seen = 0;      ///< frames that the kernel's filter let by
        std::uint64_t syns = 0;      ///< of these, handed to the handler
        std::uint64_t outside = 0;   ///< of these, SYNs to a port outside the pool
        std::uint64_t malformed = 0; ///< of these, cut short or contradicting themselves
        std::uint64_t dropped = 0;   ///< not seen, because the ring was full
        std::uint64_t wakes = 0;     ///< how often the ring was looked at
    };

    /// `interfaces`: names, or "any". The handler must outlive the capture, and must not stop it from syn().
    capture(boost::asio::io_context& context, const std::vector<std::string>& interfaces,
            const port_set& pool, capture_handler& handler);
    capture(const capture&) = delete;
    capture& operator=(const capture&) = delete;
    ~capture();

    /// Begins. An error says what no waiting will mend: no privilege, a link type that cannot be decoded.
    result<void> start();
    void stop();
    /// Since the start, interfaces that came and went included.
    counters count() const;

private:
    class source;
    std::vector<std::shared_ptr<source>> sources_;
};

} // namespace chronoknock::io
