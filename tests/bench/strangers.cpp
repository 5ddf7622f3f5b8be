// What a stranger's packet costs the verifiers: for each method alone with so many keys, and for all methods
// together with as many keys each. Packets are those that pass the kernel's filter: SYNs, datagrams of 57
// bytes and empty ones to ports where some key has such, echo requests of 57 bytes and DNS questions, all
// from random addresses or from so many in turn, all of random content. No frame is decoded and nothing is
// captured: this is the part that grows with methods and keys.
#include "base/hash.hpp"
#include "method/method.hpp"
#include "method/verifier_set.hpp"
#include "packet/dns.hpp"
#include "packet/sieve.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <map>
#include <random>

using namespace chronoknock;

namespace {

namespace po = boost::program_options;

std::mt19937_64 dice(7);

void fill(std::span<std::uint8_t> out) {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(dice());
}

/// A configuration with `keys` keys of each of the methods.
config::server configure(std::span<const method::row* const> methods, std::size_t keys) {
    std::map<std::string, std::string> files;
    std::string text = "[service.ssh]\nports = tcp/22\n";
    for (const auto* m : methods)
        for (std::size_t i = 0; i < keys; ++i) {
            const auto name = std::string(m->name) + std::to_string(i);
            std::vector<std::uint8_t> random(8192);
            fill(random);
            // By as many carriers as the method has.
            result<method::key_files> made = error{""};
            for (const std::string_view carriers : {"udp,icmp,dns", "udp,dns", ""}) {
                const ini_field fields[] = {{"carrier", carriers}, {"zone", "knock.example.org"}};
                made = m->generate(carriers.empty() ? std::span<const ini_field>() : fields, random,
                                   1'800'000'000);
                if (made) break;
            }
            if (!made) throw std::runtime_error(name + ": " + made.error().text);
            files["/" + name] = made->server.empty() ? made->client : made->server;
            text += "[key." + name + "]\nfile = /" + name + "\nservices = ssh\nallow_weak = true\n";
        }
    auto read = config::parse_server(
        text, "/bench.ini", [&](const std::string& path) { return method::read_key(files.at(path)); });
    if (!read) throw std::runtime_error(read.error().text);
    return std::move(*read);
}

struct stream {
    const char* name;
    packet::kind kind;
    std::size_t size; ///< of the payload
    bool dns = false; ///< in a name of a question
};
constexpr stream streams[] = {{"SYN", packet::kind::syn, 0},
                              {"datagram", packet::kind::datagram, 57},
                              {"empty", packet::kind::datagram, 0},
                              {"echo", packet::kind::echo, 57},
                              {"DNS", packet::kind::datagram, 57, true}};

/// Payloads of packets of one kind.
std::vector<std::vector<std::uint8_t>> payloads_of(const stream& s) {
    std::vector<std::vector<std::uint8_t>> all(1024);
    for (auto& p : all) {
        p.resize(s.size);
        fill(p);
        if (!s.dns) continue;
        std::string name;
        for (int i = 0; i < 92; ++i) name += "0123456789abcdefghijklmnopqrstuv"[dice() % 32];
        p = packet::make_dns_question(name.substr(0, 63) + "." + name.substr(63) + ".knock.example.org", 1);
    }
    return all;
}

/// Packets of one kind, to ports of the wish, with these payloads, which are to outlive them.
std::vector<packet::event> packets(const stream& s, const method::capture_wish& wish, std::size_t count,
                                   std::uint32_t sources,
                                   const std::vector<std::vector<std::uint8_t>>& payloads) {
    std::vector<port_range> ranges(wish.syns.ranges().begin(), wish.syns.ranges().end());
    if (s.kind == packet::kind::datagram) ranges.clear();
    for (const auto& d : wish.datagrams)
        if (s.kind == packet::kind::datagram && d.sizes.contains(payloads.front().size()) &&
            d.ports.contains(packet::dns_port) == s.dns)
            ranges.insert(ranges.end(), d.ports.ranges().begin(), d.ports.ranges().end());
    const port_set ports(std::move(ranges));
    std::vector<packet::event> all;
    if (s.kind == packet::kind::echo ? !wish.echoes : ports.size() == 0) return all;
    for (std::size_t i = 0; i < count; ++i) {
        packet::event e;
        std::array<std::uint8_t, 4> from;
        fill(from);
        if (sources != 0)
            for (std::size_t byte = 0; byte < 4; ++byte)
                from[byte] = static_cast<std::uint8_t>(i % sources >> (24 - 8 * byte));
        e.source = address::v4(from);
        e.kind = s.kind;
        e.source_port = static_cast<std::uint16_t>(dice());
        if (s.kind != packet::kind::echo) e.port = ports[static_cast<std::uint32_t>(dice() % ports.size())];
        e.sequence = static_cast<std::uint32_t>(dice());
        if (s.kind != packet::kind::syn) e.payload = payloads[i % payloads.size()];
        all.push_back(e);
    }
    return all;
}

/// Nanoseconds that this thread has computed: others that run meanwhile are not counted.
double computed() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e9 * static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec);
}

/// Verifiers under measurement.
class subject {
public:
    subject(std::string name, std::span<const method::row* const> some, std::size_t keys)
        : name_(std::move(name)), config_(std::make_unique<config::server>(configure(some, keys))),
          verifiers_(method::verifiers(
              {*config_, {}, {dice(), dice(), dice(), dice()}, [](const address&) { return false; }, fill})) {
        while (!verifiers_.advance(now_, clock(), ~std::size_t{0})) {
        }
    }
    const std::string& name() const { return name_; }
    packet::capture_wish wish() const { return method::wants(*config_); }

    /// Nanoseconds of CPU a packet, in batches of 64.
    double round(const std::vector<packet::event>& events) {
        const auto begin = computed();
        for (std::size_t i = 0; i < events.size();) {
            for (const auto end = std::min(i + 64, events.size()); i < end; ++i)
                verifiers_.observe(events[i], now_);
            if (!verifiers_.end_batch(now_).empty()) throw std::runtime_error("a random packet made a claim");
            now_ += std::chrono::microseconds(64);
            verifiers_.advance(now_, clock(), 256);
        }
        return (computed() - begin) / static_cast<double>(events.size());
    }

private:
    time_estimate clock() const {
        return {unix_time(seconds(1'800'000'000)) + (now_ - instant{}), milliseconds(10)};
    }

    std::string name_;
    std::unique_ptr<config::server> config_;
    method::verifier_set verifiers_;
    instant now_{std::chrono::seconds(100)};
};

/// Several rounds, each of them over all subjects in turn: a machine that is slow for a while is so to all of
/// them. Of a subject the best round is shown; of all together compared with the dearest, the median round.
void run(std::size_t keys, std::size_t count, std::uint32_t sources, std::size_t rounds,
         const std::string& only) {
    std::vector<const method::row*> all;
    std::vector<subject> subjects;
    for (const auto& m : method::methods())
        if (!only.empty() && m.name != only) {
            continue;
        } else if (m.generate) {
            all.push_back(&m);
            subjects.emplace_back(std::string(m.name), std::span(&all.back(), 1), keys);
        } else {
            std::printf("%s: no key of it can be generated; left out\n", std::string(m.name).c_str());
        }
    if (only.empty()) subjects.emplace_back("all together", all, keys);
    constexpr double none = 1e9;
    std::vector<std::array<double, std::size(streams)>> best(subjects.size());
    for (auto& row : best) row.fill(none);
    std::array<double, std::size(streams)> ratio;
    for (std::size_t s = 0; s < std::size(streams); ++s) {
        std::vector<std::vector<packet::event>> events;
        const auto payloads = payloads_of(streams[s]);
        for (const auto& one : subjects)
            events.push_back(packets(streams[s], one.wish(), count, sources, payloads));
        std::vector<packet::event> shown; // from the same memory to all
        std::vector<double> ratios;
        for (std::size_t round = 0; round < rounds; ++round) {
            double dearest = 0, together = 0; // the last of the subjects
            for (std::size_t i = 0; i < subjects.size(); ++i) {
                if (events[i].empty()) continue;
                dearest = std::max(dearest, together);
                shown = events[i];
                together = subjects[i].round(shown);
                best[i][s] = std::min(best[i][s], together);
            }
            ratios.push_back(together / dearest);
        }
        std::ranges::sort(ratios);
        ratio[s] = ratios[rounds / 2];
    }
    std::printf("%zu keys a method, nanoseconds a packet\n%-16s", keys, "");
    for (const auto& s : streams) std::printf("%10s", s.name);
    for (std::size_t i = 0; i < subjects.size(); ++i) {
        std::printf("\n%-16s", subjects[i].name().c_str());
        for (const auto cost : best[i]) cost < none ? std::printf("%10.1f", cost) : std::printf("%10s", "-");
    }
    if (!only.empty()) return static_cast<void>(std::printf("\n"));
    std::printf("\n%-16s", "  times dearest");
    for (const auto r : ratio) std::printf("%10.2f", r);
    std::printf("\n");
}

} // namespace

int main(int argc, char** argv) try {
    std::size_t keys = 1000, count = 200'000, rounds = 15;
    std::uint32_t sources = 0;
    std::string only;
    po::options_description options(
        "strangers: what a stranger's packet costs, by method and for all together");
    auto add = options.add_options();
    add("help", "this");
    add("keys", po::value(&keys), "keys of each method (1000)");
    add("packets", po::value(&count), "packets of each kind (200000)");
    add("sources", po::value(&sources), "addresses in turn (0: random ones)");
    add("method", po::value(&only), "that one alone");
    add("rounds", po::value(&rounds), "so often (15)");
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, options), given);
    if (given.count("help")) return std::cout << options, 0;
    po::notify(given);
    run(keys, count, sources, rounds, only);
} catch (const std::exception& e) {
    std::cerr << "strangers: " << e.what() << "\n";
    return 1;
}
