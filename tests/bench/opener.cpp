// The floor of knock to open: opens the guarded port to whoever sends so many SYNs in a row, by the same
// capture and the same backend as the server; it derives nothing, judges nothing and writes nothing down.
#include "io/firewall/backend.hpp"
#include "packet/decode.hpp"
#include "packet/filter.hpp"
#include "usage.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <optional>
#include <pcap/pcap.h>
#include <poll.h>
#include <string>

using namespace chronoknock;

namespace {

struct knocking {
    int needed = 0;
    int seen = 0;
    packet::event last;
    std::optional<address> complete;
};

void on_frame(u_char* state, const pcap_pkthdr* header, const u_char* bytes) {
    auto& k = *reinterpret_cast<knocking*>(state);
    if (packet::decode(packet::link::cooked_v2, {bytes, header->caplen}, k.last) != packet::verdict::event)
        return;
    if (++k.seen < k.needed) return;
    k.seen = 0;
    k.complete = k.last.source;
}

int fail(const std::string& why) { return std::fprintf(stderr, "opener: %s\n", why.c_str()), 1; }

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) return std::fputs("usage: opener SYNS FIRST-LAST DOOR\n", stderr), 2;
    boost::asio::io_context context;
    firewall::rules rules;
    rules.services.resize(1);
    rules.services[0].name = "web";
    const auto door = endpoint_range::parse(std::string("tcp/") + argv[3]);
    auto pool = port_set::parse(argv[2]);
    if (!door || !pool) return fail("expected ports");
    rules.services[0].ports = {*door};
    const auto backend = io::open_backend("nftables", context);
    const auto prepared = backend ? (*backend)->prepare_now(rules) : result<void>(backend.error());
    if (!prepared) return fail(prepared.error().text);

    char text[PCAP_ERRBUF_SIZE];
    pcap_t* p = pcap_create("any", text);
    pcap_set_snaplen(p, 128);
    pcap_set_immediate_mode(p, 1);
    if (pcap_activate(p) < 0 || pcap_set_datalink(p, DLT_LINUX_SLL2) != 0) return fail(pcap_geterr(p));
    pcap_setdirection(p, PCAP_D_IN);
    packet::capture_wish wish;
    wish.syns = std::move(*pool);
    bpf_program program{};
    if (pcap_compile(p, &program, packet::filter(wish, false).c_str(), 1, PCAP_NETMASK_UNKNOWN) ||
        pcap_setfilter(p, &program))
        return fail(pcap_geterr(p));
    pcap_setnonblock(p, 1, text);
    bench::stop_on_signal();
    std::puts("ready");
    std::fflush(stdout);

    knocking k;
    k.needed = std::atoi(argv[1]);
    pollfd readable{pcap_get_selectable_fd(p), POLLIN, 0};
    while (!bench::stopped) {
        if (poll(&readable, 1, 100) <= 0) continue;
        pcap_dispatch(p, -1, on_frame, reinterpret_cast<u_char*>(&k));
        if (!k.complete) continue;
        bool answered = false;
        (*backend)->apply({{*k.complete, "web", std::chrono::minutes(5)}},
                          [&](const result<void>&) { answered = true; });
        k.complete.reset();
        while (!answered) {
            context.restart();
            context.run_one();
        }
    }
    pcap_close(p);
}
