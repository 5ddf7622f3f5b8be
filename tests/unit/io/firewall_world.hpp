#pragma once

#include "io/firewall/firewall.hpp"
#include "io/system/clock.hpp"
#include "lab.hpp"

#include <chrono>
#include <optional>

namespace firewall_test {

using namespace chronoknock;
using chronoknock::firewall::grant;
using chronoknock::firewall::rules;
using namespace std::chrono_literals;

constexpr auto knocker = "10.10.0.1", stranger = "10.10.0.2";
constexpr auto knocker6 = "fd10::1", stranger6 = "fd10::2";

inline service make_service(const std::string& name, std::initializer_list<const char*> ports,
                            std::uint32_t uses = 0) {
    service s;
    s.name = name;
    for (const auto* p : ports) s.ports.push_back(*endpoint_range::parse(p));
    s.uses = uses;
    return s;
}

struct world : lab::network {
    boost::asio::io_context context;
    rules asked{{make_service("ssh", {"tcp/22", "udp/22"}), make_service("web", {"tcp/80"})}, {}, {}};
    lab::descriptor ssh = lab::listen_on(22), web = lab::listen_on(80), other = lab::listen_on(81);

    io::firewall open() {
        auto f = io::firewall::open(context);
        BOOST_TEST_REQUIRE(f.has_value(), (f ? "" : f.error().text));
        return std::move(*f);
    }
    void set_up(io::firewall& f) {
        const auto done = f.set_up(asked);
        BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().text));
    }
    io::firewall guarded() {
        auto f = open();
        set_up(f);
        return f;
    }
    template <class Condition>
    bool run_until(Condition reached, std::chrono::seconds patience = 10s) {
        const auto end = std::chrono::steady_clock::now() + patience;
        context.restart();
        while (!reached())
            if (std::chrono::steady_clock::now() > end || context.run_one_for(5ms) > 1)
                return false;
            else if (context.stopped())
                context.restart();
        return true;
    }
    result<void> try_add(io::firewall& f, std::vector<grant> grants) {
        std::optional<result<void>> answer;
        f.add(std::move(grants), [&](result<void> r) { answer = r; });
        BOOST_TEST_REQUIRE(run_until([&] { return answer.has_value(); }));
        return *answer;
    }
    void add(io::firewall& f, const std::string& who, const std::string& what, nanoseconds open_for = 60s) {
        const auto done = try_add(f, {{*address::parse(who), what, open_for}});
        BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().text));
    }
    static std::size_t live(io::firewall& f) { return f.list().value().size(); }
};

inline grant make_grant(std::uint32_t number, const std::string& what, nanoseconds open_for = 60s) {
    const std::uint8_t bytes[] = {10, static_cast<std::uint8_t>(number >> 16),
                                  static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
    return {address::v4(bytes), what, open_for};
}

} // namespace firewall_test
