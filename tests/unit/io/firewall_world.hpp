#pragma once

#include "io/firewall/nft_socket.hpp"
#include "io/firewall/nftables.hpp"
#include "io/system/clock.hpp"
#include "lab.hpp"

#include <chrono>
#include <memory>
#include <optional>

namespace firewall_test {

using namespace chronoknock;
using chronoknock::firewall::change;
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

using guard = std::unique_ptr<io::firewall_backend>;

struct world : lab::network {
    boost::asio::io_context context;
    rules asked{{make_service("ssh", {"tcp/22", "udp/22"}), make_service("web", {"tcp/80"})}, {}, {}};
    lab::descriptor ssh = lab::listen_on(22), web = lab::listen_on(80), other = lab::listen_on(81);

    guard open() {
        auto f = io::open_nftables(context);
        BOOST_TEST_REQUIRE(f.has_value(), (f ? "" : f.error().text));
        return std::move(*f);
    }
    result<void> try_set_up(guard& f) {
        return answer_to([&](auto done) { f->prepare(asked, done); });
    }
    void set_up(guard& f) {
        const auto done = try_set_up(f);
        BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().text));
    }
    guard guarded() {
        auto f = open();
        const auto done = f->prepare_now(asked);
        BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().text));
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
    template <class Ask>
    result<void> answer_to(Ask ask) {
        const auto answer = std::make_shared<std::optional<result<void>>>();
        ask([answer](result<void> r) { *answer = r; });
        BOOST_TEST_REQUIRE(run_until([&] { return answer->has_value(); }));
        return **answer;
    }
    result<void> try_apply(guard& f, std::vector<change> changes) {
        return answer_to([&](auto done) { f->apply(std::move(changes), done); });
    }
    void apply(guard& f, const std::string& who, const std::string& what,
               std::optional<nanoseconds> open_for) {
        const auto done = try_apply(f, {{*address::parse(who), what, open_for}});
        BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().text));
    }
    void add(guard& f, const std::string& who, const std::string& what, nanoseconds open_for = 60s) {
        apply(f, who, what, open_for);
    }
    void close(guard& f, const std::string& who, const std::string& what) { apply(f, who, what, {}); }
    bool remove(guard& f) {
        return answer_to([&](auto done) { f->withdraw(done); }).has_value();
    }
    std::vector<io::live_grant> listed(guard& f) {
        const auto all = std::make_shared<std::optional<result<std::vector<io::live_grant>>>>();
        f->list([all](const auto& r) { *all = r; });
        BOOST_TEST_REQUIRE(run_until([&] { return all->has_value(); }));
        return (*all)->value();
    }
    std::size_t live(guard& f) { return listed(f).size(); }
};

inline change make_grant(std::uint32_t number, const std::string& what, nanoseconds open_for = 60s) {
    const std::uint8_t bytes[] = {10, static_cast<std::uint8_t>(number >> 16),
                                  static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
    return {address::v4(bytes), what, open_for};
}

} // namespace firewall_test
