#pragma once

#include "base/time.hpp"
#include "io/system/descriptor.hpp"
#include "packet/datagram.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace chronoknock::io {

/// Sends datagrams from any address and port that packets come to, whether a program is bound there or none.
/// Needs CAP_NET_RAW. Never waits: what cannot be sent at once is lost, as on the way; the log is told once a
/// minute.
class answerer {
public:
    void send(const packet::datagram& d, instant now);

private:
    void failed(int reason, instant now);

    std::array<descriptor, 2> sockets_; ///< of IPv4 and IPv6, made when first needed
    std::optional<instant> told_;
    std::uint64_t lost_ = 0;
};

} // namespace chronoknock::io
