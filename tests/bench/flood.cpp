// Sends SYNs, or UDP garbage, as fast as told, with checksums right, so that a firewall and its connection
// tracking take them for real.
#include "../support/frames.hpp"
#include "base/address.hpp"
#include "base/port_set.hpp"
#include "base/text.hpp"

#include <boost/program_options.hpp>
#include <chrono>
#include <iostream>
#include <linux/if_packet.h>
#include <net/if.h>
#include <random>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace {

using namespace chronoknock;
namespace po = boost::program_options;
using support::bytes;

constexpr std::size_t per_call = 64;
constexpr std::size_t ip_at = 14;
constexpr std::size_t segment_at = ip_at + 20;

struct plan {
    std::string interface;
    support::mac_address mac = support::broadcast;
    support::ipv4_address destination{};
    std::uint32_t first_source = 0;
    std::uint64_t sources = 1; ///< that many from first_source on; 0: random ones
    std::uint64_t each = 1;    ///< packets of an address in a row
    port_set ports;
    bool in_order = false;
    std::size_t udp_payload = 0;
    std::uint64_t rate = 0;
    std::uint64_t count = 0;
    double seconds = 0;
};

std::uint32_t number(std::span<const std::uint8_t> b) {
    return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

void store16(std::uint8_t* at, std::uint32_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}
void store32(std::uint8_t* at, std::uint32_t value) {
    store16(at, value >> 16);
    store16(at + 2, value & 0xffff);
}

std::uint32_t fold(std::uint64_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return ~static_cast<std::uint32_t>(sum) & 0xffff;
}

/// Frames that differ in source, ports and sequence number.
class generator {
public:
    explicit generator(const plan& p) : plan_(p) {
        const std::uint8_t protocol = p.udp_payload ? 17 : 6;
        const auto segment = p.udp_payload ? support::udp(0, 0, bytes(p.udp_payload, 'A'))
                                           : support::tcp({.source_port = 0, .port = 0, .sequence = 0});
        const auto packet = support::ipv4(
            segment, {.source = {}, .destination = p.destination, .protocol = protocol, .fragment = 0x4000});
        frame_ = support::ethernet(packet, {}, p.mac);
        // What the checksums are but for the fields that change (RFC 1071: they are sums).
        ip_sum_ = ~number(std::span(frame_).subspan(ip_at + 8)) & 0xffff;
        tcp_sum_ = ~number(std::span(frame_).subspan(segment_at + 14)) & 0xffff;
        if (p.udp_payload) store16(&frame_[segment_at + 6], 0); // none
    }

    const bytes& frame() const { return frame_; }

    void fill(std::uint8_t* frame) {
        const auto random = random_();
        std::uint32_t source =
            plan_.first_source +
            static_cast<std::uint32_t>(plan_.sources ? sent_ / plan_.each % plan_.sources : 0);
        if (!plan_.sources) // 1.0.0.0 to 126.255.255.255
            source = (1 + static_cast<std::uint32_t>(random >> 56) % 126) << 24 | (random >> 32 & 0xffffff);
        const auto choice = plan_.in_order ? sent_ : random_() >> 32;
        const std::uint32_t port = plan_.ports[static_cast<std::uint32_t>(choice % plan_.ports.size())];
        const auto source_port = static_cast<std::uint32_t>(1024 + random % 60000);
        const auto sequence = static_cast<std::uint32_t>(random);
        const std::uint64_t source_sum = (source >> 16) + (source & 0xffff);
        store32(frame + ip_at + 12, source);
        store16(frame + ip_at + 10, fold(ip_sum_ + source_sum));
        store16(frame + segment_at, source_port);
        store16(frame + segment_at + 2, port);
        if (plan_.udp_payload)
            garbage(frame + segment_at + 8);
        else {
            store32(frame + segment_at + 4, sequence);
            store16(frame + segment_at + 16, fold(tcp_sum_ + source_sum + source_port + port +
                                                  (sequence >> 16) + (sequence & 0xffff)));
        }
        ++sent_;
    }

private:
    /// Looks like base64, as a single-packet authorisation does.
    void garbage(std::uint8_t* payload) {
        static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (std::size_t i = 0; i < plan_.udp_payload;) {
            auto r = random_();
            for (int n = 0; n < 10 && i < plan_.udp_payload; ++n, ++i, r >>= 6)
                payload[i] = static_cast<std::uint8_t>(digits[r & 63]);
        }
    }

    const plan& plan_;
    bytes frame_;
    std::uint64_t ip_sum_ = 0;
    std::uint64_t tcp_sum_ = 0;
    std::uint64_t sent_ = 0;
    std::mt19937_64 random_{std::random_device{}()};
};

int open_socket(const plan& p) {
    const int fd = ::socket(AF_PACKET, SOCK_RAW, 0);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "packet socket");
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(if_nametoindex(p.interface.c_str()));
    if (to.sll_ifindex == 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
        throw std::system_error(errno, std::generic_category(), p.interface);
    const int on = 1;
    ::setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
    return fd;
}

void run(const plan& p) {
    using clock = std::chrono::steady_clock;
    generator make(p);
    const auto size = make.frame().size();
    bytes frames;
    for (std::size_t i = 0; i < per_call; ++i) support::put(frames, make.frame());
    std::vector<iovec> parts(per_call);
    std::vector<mmsghdr> messages(per_call);
    for (std::size_t i = 0; i < per_call; ++i) {
        parts[i] = {&frames[i * size], size};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int fd = open_socket(p);
    const auto begin = clock::now();
    std::uint64_t sent = 0;
    double elapsed = 0;
    while ((!p.count || sent < p.count) && (p.seconds <= 0 || elapsed < p.seconds)) {
        std::uint64_t due = per_call;
        if (p.count) due = std::min(due, p.count - sent);
        if (p.rate) {
            const auto by_now = static_cast<std::uint64_t>(elapsed * static_cast<double>(p.rate)) + 1;
            if (by_now <= sent) {
                std::this_thread::sleep_until(
                    begin + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(
                                static_cast<double>(sent) / static_cast<double>(p.rate))));
                elapsed = std::chrono::duration<double>(clock::now() - begin).count();
                continue;
            }
            due = std::min(due, by_now - sent);
        }
        for (std::size_t i = 0; i < due; ++i) make.fill(&frames[i * size]);
        for (std::size_t done = 0; done < due;) {
            const int n = ::sendmmsg(fd, &messages[done], static_cast<unsigned>(due - done), 0);
            if (n < 0 && errno != ENOBUFS && errno != EINTR)
                throw std::system_error(errno, std::generic_category(), "sendmmsg");
            if (n > 0) done += static_cast<std::size_t>(n);
        }
        sent += due;
        elapsed = std::chrono::duration<double>(clock::now() - begin).count();
    }
    ::close(fd);
    std::cout << "sent " << sent << " packets in " << elapsed
              << " s: " << static_cast<std::uint64_t>(static_cast<double>(sent) / elapsed) << " a second\n";
}

support::mac_address parse_mac(const std::string& text) {
    support::mac_address mac;
    unsigned b[6];
    if (std::sscanf(text.c_str(), "%x:%x:%x:%x:%x:%x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6)
        throw std::invalid_argument("expected a hardware address, not " + text);
    for (std::size_t i = 0; i < 6; ++i) mac[i] = static_cast<std::uint8_t>(b[i]);
    return mac;
}

support::ipv4_address parse_ipv4(const std::string& text) {
    const auto a = address::parse(text).value();
    if (!a.is_v4()) throw std::invalid_argument("expected an IPv4 address, not " + text);
    support::ipv4_address out;
    std::ranges::copy(a.bytes(), out.begin());
    return out;
}

} // namespace

int main(int argc, char** argv) try {
    plan p;
    std::string mac, destination, source, ports;
    po::options_description options("flood: sends SYNs or garbage over one interface");
    auto add = options.add_options();
    add("help", "this");
    add("interface,i", po::value(&p.interface)->required(), "to send by");
    add("mac", po::value(&mac), "destination hardware address; left out: broadcast");
    add("destination,d", po::value(&destination)->required(), "IPv4 address");
    add("source", po::value(&source)->default_value("198.18.0.1"), "IPv4 address, the first if several");
    add("sources", po::value(&p.sources)->default_value(1), "how many addresses, in turn; 0: random ones");
    add("each", po::value(&p.each)->default_value(1), "packets of an address before the next one's");
    add("ports", po::value(&ports)->default_value("1024-65535"), "destination ports, as 22,1000-2000");
    add("in-order", po::bool_switch(&p.in_order), "ports in rising order, not random ones");
    add("udp", po::value(&p.udp_payload)->default_value(0),
        "UDP with so many bytes of garbage instead of SYNs");
    add("rate", po::value(&p.rate)->default_value(0), "packets a second; 0: as fast as can be");
    add("count", po::value(&p.count)->default_value(0), "packets; 0: any number");
    add("seconds", po::value(&p.seconds)->default_value(0), "to go on for; 0: until count");
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, options), given);
    if (given.count("help")) return std::cout << options, 0;
    po::notify(given);
    if (!p.count && p.seconds <= 0) throw std::invalid_argument("say --count or --seconds");
    if (!p.each) throw std::invalid_argument("--each: expected 1 or more");
    if (!mac.empty()) p.mac = parse_mac(mac);
    p.destination = parse_ipv4(destination);
    p.first_source = number(parse_ipv4(source));
    p.ports = port_set::parse(ports).value();
    run(p);
} catch (const std::exception& e) {
    std::cerr << "flood: " << e.what() << '\n';
    return 1;
}
