#pragma once

#include "base/address.hpp"
#include "base/reader.hpp"
#include "base/time.hpp"
#include "method/fwknop/packet.hpp"

#include <algorithm>
#include <array>
#include <boost/circular_buffer.hpp>
#include <cstdint>

namespace chronoknock::fwknop {

/// A datagram whose key is being looked for.
struct candidate {
    address source;
    std::uint16_t port = 0;
    instant arrived{};
    std::uint32_t tried = 0; ///< of the keys of the port
    std::uint16_t size = 0;
    std::array<std::uint8_t, most_of_packet> bytes; ///< the first `size` of them

    byte_view payload() const { return byte_view(bytes).first(size); }
};

/// A ration of HMACs, so many a second, and the datagrams that wait for it, the oldest first: as much memory
/// as it is made with. Whoever waits keeps his place: where it is full, newcomers are turned away.
class waiting_room {
public:
    enum class outcome { taken, repeated, full };

    /// burst: what can be saved up; it is there at the start. most_of_source: datagrams of one address.
    waiting_room(double per_second, double burst, std::size_t most, std::size_t most_of_source)
        : per_second_(per_second), burst_(burst), left_(burst), most_of_source_(most_of_source), all_(most) {}

    void refill(nanoseconds passed) {
        left_ = std::min(burst_, left_ + std::chrono::duration<double>(passed).count() * per_second_);
    }
    /// Whole HMACs that may be computed now.
    std::size_t ration() const { return left_ >= 1 ? static_cast<std::size_t>(left_) : 0; }
    void spend(std::size_t hmacs) { left_ -= static_cast<double>(hmacs); }

    bool empty() const { return all_.empty(); }
    bool full() const { return all_.full(); }
    candidate& front() { return all_.front(); }
    void pop() { all_.pop_front(); }

    /// A copy of what waits already is not taken again: a client sends its packet several times.
    outcome take(const address& source, std::uint16_t port, byte_view payload, instant now) {
        std::size_t of_source = 0;
        for (const auto& c : all_) {
            if (c.source != source) continue;
            if (c.port == port && std::ranges::equal(c.payload(), payload)) return outcome::repeated;
            ++of_source;
        }
        if (all_.full() || of_source >= most_of_source_) return outcome::full;
        all_.push_back({});
        auto& c = all_.back();
        c.source = source;
        c.port = port;
        c.arrived = now;
        c.size = static_cast<std::uint16_t>(payload.size());
        std::ranges::copy(payload, c.bytes.begin());
        return outcome::taken;
    }

    /// Goes on with another set of keys: each datagram is tried with all of them.
    void begin_again() {
        for (auto& c : all_) c.tried = 0;
    }

private:
    double per_second_;
    double burst_;
    double left_;
    std::size_t most_of_source_;
    boost::circular_buffer<candidate> all_;
};

} // namespace chronoknock::fwknop
