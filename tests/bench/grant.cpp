// Times grants, one after another, by a backend in this network namespace: from when it is asked until it
// answers. Prints the median and the 99th percentile in microseconds.
#include "io/firewall/backend.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

using namespace chronoknock;

int main(int argc, char** argv) {
    if (argc < 3)
        return std::fputs("usage: grant COUNT nftables | COUNT nft-set TABLE SET4 | COUNT ipset SET4\n",
                          stderr),
               2;
    const auto count = static_cast<std::uint32_t>(std::atoi(argv[1]));
    const std::string name = argv[2];
    firewall::rules rules;
    rules.services.resize(1);
    auto& web = rules.services[0];
    web.name = "web";
    web.ports = {*endpoint_range::parse("tcp/80")};
    if (name == "nft-set" && argc > 4) {
        rules.sets_in = *firewall::table_name::parse(argv[3]);
        web.set4 = argv[4];
    } else if (name == "ipset" && argc > 3) {
        web.set4 = argv[3];
    }
    boost::asio::io_context context;
    const auto backend = io::open_backend(name, context);
    const auto prepared = backend ? (*backend)->prepare_now(rules) : result<void>(backend.error());
    if (!prepared) return std::fprintf(stderr, "%s\n", prepared.error().text.c_str()), 1;

    std::vector<double> took;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint8_t bytes[] = {10, static_cast<std::uint8_t>(i >> 16),
                                      static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
        std::optional<result<void>> answer;
        const auto begin = io::boot_now();
        (*backend)->apply({{address::v4(bytes), "web", std::chrono::minutes(10)}},
                          [&](const result<void>& done) { answer = done; });
        while (!answer) {
            context.restart();
            context.run_one();
        }
        took.push_back(std::chrono::duration<double, std::micro>(io::boot_now() - begin).count());
        if (!*answer) return std::fprintf(stderr, "%s\n", answer->error().text.c_str()), 1;
    }
    std::ranges::sort(took);
    std::printf("%.2f %.2f\n", took[took.size() / 2], took[took.size() * 99 / 100]);
}
