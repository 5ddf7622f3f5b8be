#include "io/time/lookup.hpp"

#include "base/text.hpp"

#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <map>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <thread>

namespace chronoknock::io {

namespace {

using found = result<std::vector<address>>;

constexpr std::size_t most_addresses = 16; ///< of one name
/// Of the whole program: a name that no server answers for keeps one for up to a minute.
constexpr int most_threads = 64;
std::atomic<int> threads = 0;

template <std::size_t N>
std::span<const std::uint8_t, N> raw(const void* p) {
    return std::span<const std::uint8_t, N>{static_cast<const std::uint8_t*>(p), N};
}

/// Has a name looked up by a thread of its own, which then calls `done`. An error if there is none to be had.
result<void> look_up_apart(std::string host, resolver by, std::function<void(found)> done) {
    const auto no_thread = [&](const std::string& why) {
        --threads;
        return error{printable(host) + ": cannot be looked up: " + why};
    };
    if (++threads > most_threads) return no_thread("too many names are being looked up");
    try {
        std::thread([host, by = std::move(by), done = std::move(done)] {
            try {
                done(by(host));
            } catch (const std::exception&) { // out of memory: whoever waits asks again
            }
            --threads;
        }).detach();
    } catch (const std::exception& e) {
        return no_thread(e.what());
    }
    return {};
}

} // namespace

result<std::vector<address>> addresses_of(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    if (const int e = getaddrinfo(host.c_str(), nullptr, &hints, &list); e != 0)
        return error{printable(host) + ": " + gai_strerror(e)};
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner{list, freeaddrinfo};

    std::vector<address> addresses;
    for (const auto* a = list; a && addresses.size() < most_addresses; a = a->ai_next) {
        if (a->ai_family == AF_INET)
            addresses.push_back(
                address::v4(raw<4>(&reinterpret_cast<const sockaddr_in*>(a->ai_addr)->sin_addr)));
        else if (a->ai_family == AF_INET6)
            addresses.push_back(
                address::v6(raw<16>(&reinterpret_cast<const sockaddr_in6*>(a->ai_addr)->sin6_addr)));
    }
    if (addresses.empty()) return error{printable(host) + ": no address"};
    return addresses;
}

/// What the threads hold of us. They never touch who waits, only a number that stands for it: it belongs to
/// the loop, which may have ended by then.
struct lookup::link : std::enable_shared_from_this<link> {
    std::mutex mutex;
    bool open = true;
    boost::asio::any_io_executor executor;
    resolver by;
    std::uint64_t last = 0;
    std::map<std::uint64_t, std::function<void(found)>> waiting;

    void deliver(std::uint64_t number, found f) {
        const std::lock_guard lock{mutex};
        if (!open) return;
        boost::asio::post(executor, [self = shared_from_this(), number, f = std::move(f)]() mutable {
            if (auto node = self->waiting.extract(number)) node.mapped()(std::move(f));
        });
    }
};

lookup::lookup(boost::asio::any_io_executor executor, resolver by) : link_(std::make_shared<link>()) {
    link_->executor = std::move(executor);
    link_->by = std::move(by);
}

void lookup::close() {
    {
        const std::lock_guard lock{link_->mutex};
        link_->open = false;
        link_->executor = {};
    }
    link_->waiting.clear();
}

boost::asio::awaitable<found> lookup::resolve(std::string host) {
    const auto start = [](auto handler, std::shared_ptr<link> l, std::string name) {
        if (!l->open) {
            const auto executor = boost::asio::get_associated_executor(handler);
            return boost::asio::post(executor, [h = std::move(handler), name]() mutable {
                std::move(h)(found{error{printable(name) + ": no more looked up"}});
            });
        }
        // std::function wants to copy what it holds.
        auto kept = std::make_shared<decltype(handler)>(std::move(handler));
        const auto number = ++l->last;
        l->waiting.emplace(number, [kept](found f) { std::move (*kept)(std::move(f)); });
        if (const auto a = address::parse(name)) {
            l->deliver(number, std::vector{*a});
        } else if (const auto begun = look_up_apart(
                       std::move(name), l->by, [l, number](found f) { l->deliver(number, std::move(f)); });
                   !begun) {
            l->deliver(number, begun.error());
        }
    };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(found)>(
        start, boost::asio::use_awaitable, link_, std::move(host));
}

} // namespace chronoknock::io
