#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "io/capture/log_file.hpp"
#include "io/capture/own_addresses.hpp"
#include "packet/event.hpp"
#include "packet/sieve.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::io {

/// What is done with captured events. What it throws is logged, and the capture goes on.
class capture_handler {
public:
    /// One event of those wished for; `now` is the moment of its batch.
    virtual void observe(const packet::event& e, instant now) = 0;
    /// After the last event of a batch.
    virtual void batch_end(instant now) = 0;

protected:
    ~capture_handler() = default;
};

/// A firewall's log file and how its lines are read.
struct log_source {
    log_source(std::string file, std::shared_ptr<const packet::log_format> how)
        : path(std::move(file)), format(std::move(how)) {}

    std::string path;
    std::shared_ptr<const packet::log_format> format;
};

/// Sees what comes in by some interfaces and is addressed to this host. Quiet, it wakes for each packet;
/// busy, it lets them gather for half a millisecond. An interface that is missing or down is waited for, and
/// the log says so. Until this host's own addresses are known, nothing counts. Or it opens no capture, and a
/// firewall's log tells what came in.
class capture {
public:
    struct counters {
        std::uint64_t seen = 0;              ///< frames that the kernel's filter let by
        std::uint64_t syns = 0;              ///< of these, handed to the handler
        std::uint64_t datagrams = 0;         ///< of these, handed to the handler
        std::uint64_t outside = 0;           ///< of these, of a port or a size that is not wished for
        std::uint64_t elsewhere = 0;         ///< of these, addressed to others
        std::uint64_t malformed = 0;         ///< of these, cut short or contradicting themselves
        std::uint64_t dropped = 0;           ///< not seen, because the ring was full
        std::uint64_t wakes = 0;             ///< how often the ring was looked at
        std::uint64_t lines_matched = 0;     ///< of the log: told of a SYN or a datagram
        std::uint64_t lines_passed_over = 0; ///< of the log: all others

        counters& operator+=(const counters& more);
    };

    /// `interfaces`: names, "any", "nflog:GROUP". `also_for`: networks that count as this host's own. The
    /// handler must outlive the capture, and must not stop it from within.
    capture(boost::asio::io_context& context, const std::vector<std::string>& interfaces,
            const packet::capture_wish& wish, std::vector<prefix> also_for, capture_handler& handler);
    capture(boost::asio::io_context& context, log_source log, const packet::capture_wish& wish,
            std::vector<prefix> also_for, capture_handler& handler);
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

    capture(boost::asio::io_context& context, const packet::capture_wish& wish, std::vector<prefix> also_for);

    packet::sieve sieve_;
    own_addresses own_;
    std::vector<std::shared_ptr<source>> sources_;
    counters of_log_;
    std::unique_ptr<log_file> log_;
};

} // namespace chronoknock::io
