#include "method/method.hpp"
#include "method/sealed/request.hpp"
#include "method/sealed/verifier.hpp"
#include "packet/dns.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <vector>

namespace {

using namespace chronoknock;

constexpr std::int64_t epoch = 1'700'000'000;
constexpr std::string_view key_file =
    "method = sealed\ncarrier = ports, udp, icmp, dns\nbits = 4\nbase = 30000\n"
    "ports = 53,20000\nzone = knock.example\n"
    "secret = 000102030405060708090a0b0c0d0e0f\n";

config::server make_server() {
    config::server s;
    s.services = {{"ssh", {*endpoint_range::parse("tcp/22")}, seconds(30), 0}};
    s.knock.tracked = 64;
    config::key_settings k;
    k.name = "k";
    k.key = *method::read_key(key_file);
    k.services = {0};
    s.keys = {k};
    return s;
}

/// A server with one key, and a clock that moves on with each input by what its rations need.
struct lab {
    config::server server = make_server();
    std::vector<std::uint32_t> keys{0};
    sealed::sealer sealer{sealed::credential_of(server.keys[0]).psk()};
    sealed::verifier verifier{
        {server, keys, {1, 2, 3, 4}, [](const address&) { return false; }, {}, nullptr}};
    address who = *address::parse("192.0.2.1");
    address me = *address::parse("198.51.100.1");
    instant now{};
    std::uint32_t syns = 0;

    std::size_t claims(packet::kind kind, byte_view payload, std::uint16_t port) {
        const auto asked = port == packet::dns_port ? packet::dns_question(payload) : std::nullopt;
        verifier.observe({who, me, kind, 40000, port, 0, payload, asked ? asked->view() : std::string_view{}},
                         now);
        return end();
    }
    std::size_t end() {
        std::size_t all = 0;
        for (const auto& c : verifier.end_batch(now)) {
            if (!c.unfit.empty() || c.once.identity.size() != 16 || c.services.size() != 1) std::abort();
            ++all;
        }
        return all;
    }
    sealed::message fresh() {
        now += milliseconds(20);
        const unix_time t = unix_time{seconds(epoch)} + now.time_since_epoch();
        verifier.advance(now, {t, nanoseconds(0)}, 100);
        return *sealer.seal({.who = who, .time = to_seconds(t)});
    }
};

void expect(bool so, std::source_location at = std::source_location::current()) {
    if (so) return;
    std::fprintf(stderr, "sealed.cpp:%u: not so\n", at.line());
    std::abort();
}

} // namespace

/// What is decoded is encoded as the same again; and of what was changed of a good message nothing earns a
/// claim, by whatever carrier.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static lab world;
    const byte_view in(data, size);
    if (const auto r = sealed::decode(in)) expect(std::ranges::equal(sealed::encode(*r), in));
    if (const auto name = packet::dns_question(in))
        if (const auto said = sealed::from_name(name->view())) {
            const auto again = sealed::to_name(said->m, said->zone);
            const auto same = sealed::from_name(again);
            expect(same && same->m == said->m && same->zone == said->zone);
        }

    const auto good = world.fresh();
    expect(world.claims(packet::kind::datagram, in, 20000) == 0);
    expect(world.claims(packet::kind::datagram, in, packet::dns_port) == 0);
    expect(world.claims(packet::kind::echo, in, 0) == 0);

    auto changed = good;
    for (std::size_t i = 0; i < std::min(size, changed.size()); ++i) changed[i] ^= data[i];
    const std::size_t earned = changed == good ? 1 : 0;
    expect(world.claims(packet::kind::datagram, changed, 20000) == earned);
    expect(world.claims(packet::kind::echo, changed, 0) == earned);
    const auto question = packet::make_dns_question(sealed::to_name(changed, "knock.example"), 1);
    expect(world.claims(packet::kind::datagram, question, packet::dns_port) == earned);

    // As SYNs, with noise: that may delay a knock, and makes none, unless it has the ports that were changed.
    const auto& layout = sealed::credential_of(world.server.keys[0]).settings().layout;
    const auto syn = [&](std::uint16_t port) {
        world.verifier.observe({world.who, world.me, packet::kind::syn, 40000, port, ++world.syns, {}},
                               world.now);
    };
    std::vector<std::uint16_t> noise;
    for (std::size_t i = 0; i + 1 < std::min<std::size_t>(size, 100); i += 2)
        noise.push_back(static_cast<std::uint16_t>(data[i] << 8 | data[i + 1]));
    const auto sent = ports_of(changed, layout);
    const auto came = [&](std::uint16_t port) {
        return std::ranges::find(sent, port) != sent.end() || std::ranges::find(noise, port) != noise.end();
    };
    std::ranges::for_each(noise, syn);
    std::ranges::for_each(sent, syn);
    auto of_syns = world.end();
    // What has noise in it is gone into later. Then the message is out of date: libFuzzer overhears it where
    // it is compared, and sends it again.
    for (const auto later : {1, 1, 1, 200}) {
        world.now += seconds(later);
        of_syns += world.end();
    }
    expect(of_syns <= (std::ranges::all_of(ports_of(good, layout), came) ? 1u : 0u));
    return 0;
}
