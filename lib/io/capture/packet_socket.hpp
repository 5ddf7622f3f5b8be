#pragma once

#include "base/error.hpp"
#include "packet/capture_wish.hpp"
#include "packet/decode.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <pcap/pcap.h>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace chronoknock::io {

/// What libpcap calls a device that hands over what rules send to a log group of netfilter: "nflog:GROUP".
inline constexpr std::string_view nflog_mark = "nflog:";

/// A packet socket with its ring, opened by libpcap: incoming frames of one interface that the kernel's
/// filter lets by. Or a netlink socket, for what rules chose.
class packet_socket {
public:
    /// interface: a name, "any", or "nflog:GROUP".
    static result<packet_socket> open(const std::string& interface, const packet::capture_wish& wish);

    /// Readable when there is something to read; libpcap's own.
    int descriptor() const { return pcap_get_selectable_fd(pcap_.get()); }
    packet::link link() const { return link_; }
    /// Frames that were lost because the ring was full.
    std::uint64_t dropped() const;

    struct reading {
        int frames = 0; ///< negative: it failed; problem() says why
        std::exception_ptr
            thrown{}; ///< the first thing that `each` threw; the other frames were given all the same
    };
    /// Gives what is there, at most so many frames. No exception passes through libpcap, which is C.
    template <class Each>
    reading read(int most, Each each);
    std::string problem() const { return pcap_geterr(pcap_.get()); }

private:
    using pcap_ptr = std::unique_ptr<pcap_t, decltype(&pcap_close)>;
    packet_socket(pcap_ptr pcap, packet::link link) : pcap_(std::move(pcap)), link_(link) {}

    bool readable() const;

    pcap_ptr pcap_;
    packet::link link_;
};

template <class Each>
packet_socket::reading packet_socket::read(int most, Each each) {
    struct context {
        Each& each;
        std::exception_ptr thrown{};
        std::array<std::uintptr_t, 4> before{}; ///< where the last ones stood
        std::size_t next = 0;                   ///< of these the oldest
    } given{each};
    const auto on_frame = [](u_char* user, const pcap_pkthdr* header, const u_char* bytes) {
        auto& c = *reinterpret_cast<context*>(user);
        // Another processor wrote the frames: those to come can be on their way already. Of large ones a
        // block of the ring has 1, 2 or 4, so that four later it is as far again as from four before.
        const auto at = reinterpret_cast<std::uintptr_t>(bytes);
        const auto ahead = at + (at - std::exchange(c.before[c.next], at));
        c.next = (c.next + 1) % c.before.size();
        __builtin_prefetch(reinterpret_cast<const void*>(ahead - 64)); // libpcap asks there whether it is one
        __builtin_prefetch(reinterpret_cast<const void*>(ahead));
        __builtin_prefetch(reinterpret_cast<const void*>(ahead + 64));
        try {
            c.each(std::span<const std::uint8_t>(bytes, header->caplen));
        } catch (...) {
            if (!c.thrown) c.thrown = std::current_exception();
        }
    };
    const auto dispatch = [&](int left) {
        return pcap_dispatch(pcap_.get(), left, on_frame, reinterpret_cast<u_char*>(&given));
    };
    if (link_ != packet::link::nflog) {
        const int frames = dispatch(most);
        return {frames, std::move(given.thrown)};
    }
    // Of a netlink socket libpcap reads one message, and having none is an error to it.
    int frames = 0;
    while (frames < most && readable()) {
        const int more = dispatch(most - frames);
        if (more < 0) return {more, std::move(given.thrown)};
        if (more == 0) break;
        frames += more;
    }
    return {frames, std::move(given.thrown)};
}

} // namespace chronoknock::io
