#include "timesync/ntp_packet.hpp"

#include "base/reader.hpp"

#include <algorithm>

namespace chronoknock::timesync {
namespace {

constexpr std::int64_t unix_epoch = 2'208'988'800; // seconds from 1900 to 1970
constexpr std::uint64_t second_ns = 1'000'000'000;

// NTP short format: 16 bits of seconds, 16 of fraction.
nanoseconds from_short(std::uint32_t v) {
    return nanoseconds(static_cast<std::int64_t>((v * second_ns) >> 16));
}

std::uint32_t to_short(nanoseconds d) {
    constexpr std::int64_t most = 0xffff'ffff;
    const auto seconds_part = std::chrono::floor<seconds>(d);
    const auto fraction = static_cast<std::uint64_t>((d - seconds_part).count());
    // Rounded up: it bounds an error.
    const auto low = static_cast<std::int64_t>(((fraction << 16) + second_ns - 1) / second_ns);
    return static_cast<std::uint32_t>(std::clamp(seconds_part.count() * 65536 + low, std::int64_t{0}, most));
}

class writer {
public:
    void number(std::uint64_t value, std::size_t size) {
        for (auto shift = size * 8; shift > 0;)
            out_[at_++] = static_cast<std::uint8_t>(value >> (shift -= 8));
    }
    const std::array<std::uint8_t, ntp_header_size>& bytes() const { return out_; }

private:
    std::array<std::uint8_t, ntp_header_size> out_{};
    std::size_t at_ = 0;
};

} // namespace

unix_time to_unix(ntp_timestamp stamp, unix_time pivot) {
    const auto near = std::chrono::floor<seconds>(pivot);
    const auto near_ntp = static_cast<std::uint32_t>(near.time_since_epoch().count() + unix_epoch);
    const auto ahead = static_cast<std::int32_t>(static_cast<std::uint32_t>(stamp.bits >> 32) - near_ntp);
    const auto fraction = ((stamp.bits & 0xffff'ffff) * second_ns) >> 32;
    return near + seconds(ahead) + nanoseconds(static_cast<std::int64_t>(fraction));
}

ntp_timestamp to_ntp(unix_time t) {
    const auto whole = std::chrono::floor<seconds>(t);
    const auto since_1900 = static_cast<std::uint64_t>(whole.time_since_epoch().count() + unix_epoch);
    const auto fraction = (static_cast<std::uint64_t>((t - whole).count()) << 32) / second_ns;
    return {since_1900 << 32 | fraction};
}

result<ntp_header> decode(std::span<const std::uint8_t> datagram) {
    reader in(datagram);
    ntp_header h;
    const auto first = in.u8();
    h.leap = static_cast<leap>(first >> 6);
    h.version = first >> 3 & 7;
    h.mode = static_cast<ntp_mode>(first & 7);
    h.stratum = in.u8();
    h.poll = static_cast<std::int8_t>(in.u8());
    h.precision = static_cast<std::int8_t>(in.u8());
    h.root_delay = from_short(in.u32());
    h.root_dispersion = from_short(in.u32());
    h.reference_id = in.u32();
    h.reference.bits = in.u64();
    h.origin.bits = in.u64();
    h.receive.bits = in.u64();
    h.transmit.bits = in.u64();
    if (!in) return error{"NTP packet: shorter than its header of 48 bytes"};
    return h;
}

std::array<std::uint8_t, ntp_header_size> encode(const ntp_header& h) {
    writer out;
    out.number(static_cast<unsigned>(h.leap) << 6 | (h.version & 7u) << 3 | static_cast<unsigned>(h.mode), 1);
    out.number(h.stratum, 1);
    out.number(static_cast<std::uint8_t>(h.poll), 1);
    out.number(static_cast<std::uint8_t>(h.precision), 1);
    out.number(to_short(h.root_delay), 4);
    out.number(to_short(h.root_dispersion), 4);
    out.number(h.reference_id, 4);
    for (const auto stamp : {h.reference, h.origin, h.receive, h.transmit}) out.number(stamp.bits, 8);
    return out.bytes();
}

std::array<std::uint8_t, ntp_header_size> encode_query(ntp_timestamp transmit) {
    ntp_header h;
    h.transmit = transmit;
    return encode(h);
}

} // namespace chronoknock::timesync
