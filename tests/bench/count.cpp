// The floor: counts SYNs by libpcap and nothing else, in one of three ways, until SIGTERM.
#include "packet/filter.hpp"
#include "usage.hpp"

#include <cstring>
#include <ctime>
#include <pcap/pcap.h>
#include <poll.h>
#include <string>

namespace {

std::uint64_t seen = 0;

void on_frame(u_char*, const pcap_pkthdr*, const u_char*) { ++seen; }

int usage() {
    std::fputs("usage: count INTERFACE immediate|buffered|pause [RING_BYTES]\n", stderr);
    return 2;
}

int fail(const char* what, pcap_t* p) {
    std::fprintf(stderr, "count: %s: %s\n", what, pcap_geterr(p));
    return 1;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) return usage();
    const std::string mode = argv[2];
    if (mode != "immediate" && mode != "buffered" && mode != "pause") return usage();
    char text[PCAP_ERRBUF_SIZE];
    pcap_t* p = pcap_create(argv[1], text);
    if (!p) return std::fprintf(stderr, "count: %s\n", text), 1;
    pcap_set_snaplen(p, 128);
    pcap_set_buffer_size(p, argc > 3 ? std::stoi(argv[3]) : 32 << 20);
    pcap_set_timeout(p, 10);
    pcap_set_immediate_mode(p, mode != "buffered");
    if (pcap_activate(p) < 0) return fail("activate", p);
    pcap_setdirection(p, PCAP_D_IN);
    bpf_program program{};
    const auto filter = chronoknock::packet::filter({}, false);
    if (pcap_compile(p, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) || pcap_setfilter(p, &program))
        return fail("filter", p);
    pcap_setnonblock(p, 1, text);
    bench::stop_on_signal();
    std::puts("ready");
    std::fflush(stdout);

    pollfd readable{pcap_get_selectable_fd(p), POLLIN, 0};
    std::uint64_t wakes = 0;
    const double begin = bench::cpu_seconds();
    while (!bench::stopped) {
        if (poll(&readable, 1, 100) <= 0) continue;
        int n = 0;
        do {
            ++wakes;
            n = pcap_dispatch(p, -1, on_frame, nullptr);
            const timespec half_a_millisecond{0, 500000};
            if (mode == "pause" && n > 1) nanosleep(&half_a_millisecond, nullptr);
        } while (mode == "pause" && n > 1 && !bench::stopped);
        if (n < 0) return fail("dispatch", p);
    }
    pcap_stat stats{};
    pcap_stats(p, &stats);
    bench::report(("bare, " + mode).c_str(), seen, stats.ps_drop, wakes, bench::cpu_seconds() - begin);
    pcap_close(p);
}
