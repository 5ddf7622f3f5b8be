// Hosts of a fleet without firewalls: members of a real cluster that redeem knocks at a rate, and hear of all
// others'. Prints what a redemption and a push took, and how many pushes were missed.
#include "io/fleet/member.hpp"
#include "io/system/clock.hpp"
#include "io/system/files.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/program_options.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <random>
#include <sys/resource.h>

using namespace chronoknock;
using namespace std::chrono_literals;
namespace po = boost::program_options;

namespace {

struct figures {
    std::vector<double> burns, pushes; // ms
    std::uint64_t failed = 0;
};

double at(std::vector<double>& all, double share) {
    if (all.empty()) return -1;
    std::ranges::sort(all);
    return all[std::min(all.size() - 1, static_cast<std::size_t>(share * static_cast<double>(all.size())))];
}

double resident_mib() {
    std::ifstream in("/proc/self/statm");
    long pages = 0, resident = 0;
    in >> pages >> resident;
    return static_cast<double>(resident) * 4096 / (1 << 20);
}

} // namespace

int main(int argc, char** argv) try {
    std::string endpoints, ca, cert, key, under;
    unsigned hosts = 0, rate = 0, lasts = 0, prefixes = 0;
    po::options_description options;
    options.add_options()("endpoints", po::value(&endpoints)->required())("ca", po::value(&ca)->required())(
        "cert", po::value(&cert)->required())("key", po::value(&key)->required())(
        "prefix", po::value(&under)->default_value("/bench"))("hosts", po::value(&hosts)->default_value(200))(
        "rate", po::value(&rate)->default_value(1000), "knocks a second")(
        "seconds", po::value(&lasts)->default_value(60))("prefixes", po::value(&prefixes)->default_value(1),
                                                         "fleets that the hosts are of, in equal parts");
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, options), given);
    po::notify(given);
    if (prefixes == 0 || hosts == 0 || hosts % prefixes != 0)
        throw std::runtime_error("expected hosts in equal parts");

    config::fleet_settings f;
    const auto sections = parse_ini("[fleet]\nendpoints = " + endpoints + "\nname = x\nseal = x\nca = " + ca +
                                    "\ncert = " + cert + "\nkey = " + key + "\nprefix = " + under + "\n");
    if (const auto read = config::read_fleet("options", sections.value().back(), "", f); !read)
        throw std::runtime_error(read.error().text);
    f.ca_text = io::read_file(ca).value();
    f.cert_text = io::read_file(cert).value();
    const auto private_key = io::read_file(key).value();
    f.key_text.assign(private_key.begin(), private_key.end());
    f.seal.assign(32, 7);

    boost::asio::io_context context;
    figures found;
    std::uint64_t burnt = 0, pushed = 0;
    const auto who = *address::parse("192.0.2.1");
    const double before = resident_mib();
    std::vector<std::shared_ptr<io::fleet_member>> members;
    for (unsigned i = 0; i < hosts; ++i) {
        auto mine = f;
        mine.name = "h" + std::to_string(i);
        mine.prefix += "/" + std::to_string(i % prefixes);
        auto m = std::make_shared<io::fleet_member>(context, mine, io::addresses_of, io::system_now);
        m->on_changes([&found, &pushed, name = mine.name](granting::shared_changes c) {
            if (c.whole) return;
            for (const auto& g : c.opened)
                if (g.host != name) {
                    ++pushed;
                    found.pushes.push_back(
                        std::chrono::duration<double, std::milli>(io::system_now() - g.accepted).count());
                }
        });
        m->expect({30s});
        if (const auto begun = m->begin(); !begun) throw std::runtime_error(begun.error().text);
        members.push_back(std::move(m));
    }
    const auto watching = [&] {
        return std::ranges::all_of(members, [](const auto& m) { return m->report().watching; });
    };
    for (const auto deadline = io::boot_now() + 120s; !watching();) {
        if (io::boot_now() > deadline) throw std::runtime_error("the cluster does not answer all");
        context.run_for(50ms);
    }
    context.run_for(2s); // leases
    std::printf("%u hosts watch, %.2f MiB each\n", hosts, (resident_mib() - before) / hosts);
    std::fflush(stdout);

    const auto begin = io::boot_now();
    std::uint64_t sent = 0;
    std::uint64_t pending = 0;
    std::mt19937 any(1); // the same each time
    while (io::boot_now() - begin < seconds(lasts) && rate > 0) {
        const auto due =
            static_cast<std::uint64_t>(std::chrono::duration<double>(io::boot_now() - begin).count() * rate);
        for (; sent < due; ++sent) {
            // A key knocks each ten seconds, in a window of its own, on whichever host of its fleet.
            const auto fleet = sent % prefixes;
            auto& m = members[fleet + prefixes * (any() % (hosts / prefixes))];
            const auto now = io::system_now();
            const auto name = "key" + std::to_string(sent / prefixes % std::max(10 * rate / prefixes, 1U));
            granting::burnt token{name, to_seconds(now) / 10 * 10, std::to_string(sent), who, now};
            std::vector<granting::opened_grant> grants{{name, name, prefix(who), "web", now, now + 30s}};
            ++pending;
            m->redeem({std::move(token), std::move(grants), {10, name, 30s}},
                      [&, asked = io::boot_now()](const granting::shared_outcome& o) {
                          --pending;
                          if (o.is != granting::shared_outcome::kind::burnt) {
                              if (found.failed++ == 0) std::printf("first failure: %s\n", o.why.c_str());
                              return;
                          }
                          ++burnt;
                          found.burns.push_back(
                              std::chrono::duration<double, std::milli>(io::boot_now() - asked).count());
                      });
        }
        context.run_for(1ms);
    }
    const auto took = std::chrono::duration<double>(io::boot_now() - begin).count();
    for (const auto deadline = io::boot_now() + 20s; pending > 0 && io::boot_now() < deadline;)
        context.run_for(10ms);
    found.failed += pending;
    const auto wanted = burnt * (hosts / prefixes - 1);
    for (const auto deadline = io::boot_now() + 20s; pushed < wanted && io::boot_now() < deadline;)
        context.run_for(10ms);
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    std::printf("knocks %llu (%.0f a second) failed %llu\n", static_cast<unsigned long long>(burnt),
                static_cast<double>(burnt) / took, static_cast<unsigned long long>(found.failed));
    std::printf("burn ms median %.2f p99 %.2f worst %.2f\n", at(found.burns, 0.5), at(found.burns, 0.99),
                at(found.burns, 1));
    std::printf("push ms median %.2f p99 %.2f worst %.2f\n", at(found.pushes, 0.5), at(found.pushes, 0.99),
                at(found.pushes, 1));
    std::printf("pushes %llu missed %lld\n", static_cast<unsigned long long>(pushed),
                static_cast<long long>(wanted) - static_cast<long long>(pushed));
    std::printf("memory %.2f MiB a host, cpu %.1f s\n", (resident_mib() - before) / hosts,
                static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec));
    for (const auto& m : members) m->close();
    return found.failed == 0 && pushed >= wanted ? 0 : 1;
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 2;
}
