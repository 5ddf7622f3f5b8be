#pragma once

#include "base/port_table.hpp"
#include "packet/capture_wish.hpp"
#include "packet/event.hpp"

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace chronoknock::packet {

/// A wish in a form that tells of an event whether it is wished for at a cost that does not depend on the
/// number of ports and their ranges.
class wish_table {
public:
    /// Most wishes are one range of ports: then no table is touched, of which each method has one.
    class sized_ports {
    public:
        explicit sized_ports(const datagram_wish& wish); ///< of one port at least

        bool contains(const event& e) const {
            // Neither difference is negative, in either half: one branch for four bounds.
            const auto at = halves(e.payload.size(), e.port);
            return (((at - least_) | (most_ - at)) & halves(sign, sign)) == 0 &&
                   (!within_ || (*within_)[e.port]) &&
                   (content_ == content::any || begins_with_ascii(e.payload));
        }

    private:
        static constexpr std::uint64_t sign = std::uint64_t{1} << 31;
        static constexpr std::uint64_t halves(std::uint64_t size, std::uint64_t port) {
            return size << 32 | port;
        }
        static bool begins_with_ascii(std::span<const std::uint8_t> payload) {
            std::uint64_t begin;
            if (payload.size() < sizeof begin) return true;
            std::memcpy(&begin, payload.data(), sizeof begin);
            return (begin & 0x8080'8080'8080'8080) == 0;
        }

        std::uint64_t least_, most_; ///< size and port
        content content_;
        std::shared_ptr<const std::bitset<65536>> within_; ///< none: all ports between
    };

    explicit wish_table(const capture_wish& wish);

    bool contains(const event& e) const {
        switch (e.kind) {
        case kind::syn:
            return syns_.contains(e.port);
        case kind::datagram:
            return std::ranges::any_of(datagrams_, [&e](const sized_ports& d) { return d.contains(e); });
        case kind::echo:
            return echoes_ && echoes_->contains(e.payload.size());
        }
        return false;
    }
    /// True if it contains some of the kind.
    bool contains_some(kind k) const {
        return k == kind::syn        ? !syns_.empty()
               : k == kind::datagram ? !datagrams_.empty()
                                     : echoes_.has_value();
    }

    /// What datagrams it contains: any of these.
    std::span<const sized_ports> datagrams() const { return datagrams_; }

private:
    port_table syns_;
    std::vector<sized_ports> datagrams_;
    std::optional<size_range> echoes_;
};

} // namespace chronoknock::packet
