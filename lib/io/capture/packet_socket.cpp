#include "io/capture/packet_socket.hpp"

#include "base/text.hpp"
#include "packet/filter.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>

namespace chronoknock::io {
namespace {

// Frames that the ring holds: 60 ms of 300,000 SYNs a second, should the process be kept from running, or
// wait for nft (10 to 50 ms, when rules change) or for a disk.
constexpr int ring_frames = 20'000;
// What the kernel puts before each (TPACKET_V2: its header, the sender's address, room for the tag of a
// VLAN).
constexpr int before_frame = 80;
// With a method of large datagrams it holds fewer.
constexpr int most_ring_bytes = 16 << 20;

// libpcap reads as many bytes of what the kernel has gathered as its snapshot length says and 128 more, and
// with less than all of them finds frames that are none (seen with 1.10.3 and a short length). The kernel
// gathers less than the longest packet and its attributes.
constexpr int nflog_snapshot = 1 << 17;

/// Has the kernel hand over what it has gathered after 10 ms; of itself it waits for a second, or 100
/// packets. The socket is libpcap's, since whoever bound a group must ask; what it answers, libpcap skips.
void hurry(int socket, std::uint16_t group) {
    constexpr std::uint32_t centiseconds = 1;
    alignas(nlmsghdr) char message[64];
    auto* const header = mnl_nlmsg_put_header(message);
    header->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
    header->nlmsg_flags = NLM_F_REQUEST;
    auto* const about = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    about->nfgen_family = AF_UNSPEC;
    about->version = NFNETLINK_V0;
    about->res_id = htons(group);
    mnl_attr_put_u32(header, NFULA_CFG_TIMEOUT, htonl(centiseconds));
    ::send(socket, message, header->nlmsg_len, 0); // without it knocks count a second later
}

std::optional<packet::link> link_of(pcap_t* p) {
    switch (pcap_datalink(p)) {
    case DLT_EN10MB:
        return packet::link::ethernet;
    case DLT_LINUX_SLL:
        return packet::link::cooked_v1;
    case DLT_LINUX_SLL2:
        return packet::link::cooked_v2;
    case DLT_NFLOG:
        return packet::link::nflog;
    case DLT_RAW:
        return packet::link::raw_ip;
    default:
        return std::nullopt;
    }
}

} // namespace

result<packet_socket> packet_socket::open(const std::string& interface, const packet::capture_wish& wish) {
    char text[PCAP_ERRBUF_SIZE] = {};
    pcap_ptr p(pcap_create(interface.c_str(), text), &pcap_close);
    if (!p) return error{text};
    const auto failed = [&](const char* what) {
        return error{what + std::string(": ") + pcap_geterr(p.get())};
    };
    const bool of_rules = interface.starts_with(nflog_mark);
    const int snapshot = of_rules ? nflog_snapshot : static_cast<int>(packet::snapshot_length(wish));
    pcap_set_snaplen(p.get(), snapshot);
    pcap_set_immediate_mode(p.get(), 1);
    pcap_set_buffer_size(p.get(), std::min(most_ring_bytes, ring_frames * (snapshot + before_frame)));
    if (const int status = pcap_activate(p.get()); status < 0) return failed(pcap_statustostr(status));
    ::fcntl(pcap_fileno(p.get()), F_SETFD, FD_CLOEXEC); // no child of ours is to have it
    if (interface == "any") pcap_set_datalink(p.get(), DLT_LINUX_SLL2);
    const auto type = link_of(p.get());
    if (!type)
        return error{"link type " + std::to_string(pcap_datalink(p.get())) +
                     ", expected Ethernet, cooked or raw IP"};
    if (pcap_setnonblock(p.get(), 1, text) != 0) return error{text};
    if (of_rules) { // they choose what comes
        if (const auto group = parse_number(interface.substr(nflog_mark.size()), 0, 65535))
            hurry(pcap_fileno(p.get()), static_cast<std::uint16_t>(*group));
        return packet_socket(std::move(p), *type);
    }
    // What we send ourselves is not wanted: libpcap can drop it, newer kernels (4.20) need not even hand it
    // over.
    if (pcap_setdirection(p.get(), PCAP_D_IN) != 0) return failed("direction");
    const int on = 1;
    ::setsockopt(pcap_fileno(p.get()), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    bpf_program program{};
    const auto filter = packet::filter(wish, *type == packet::link::ethernet);
    if (pcap_compile(p.get(), &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
        return failed("filter");
    const int set = pcap_setfilter(p.get(), &program);
    pcap_freecode(&program);
    if (set != 0) return failed("filter");
    return packet_socket(std::move(p), *type);
}

bool packet_socket::readable() const {
    pollfd one{descriptor(), POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
}

std::uint64_t packet_socket::dropped() const {
    pcap_stat stats{};
    return pcap_stats(pcap_.get(), &stats) == 0 ? stats.ps_drop : 0;
}

} // namespace chronoknock::io
