#include "io/fleet/try_endpoints.hpp"

#include "fleet/messages.hpp"
#include "fleet/seal.hpp"
#include "io/fleet/etcd_client.hpp"
#include "io/system/clock.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace chronoknock::io {

namespace asio = boost::asio;

namespace {

constexpr nanoseconds patience = seconds(3);

/// A name has to be looked up first, which the first question does not wait for.
asio::awaitable<void> try_one(std::shared_ptr<etcd_client> client, std::size_t which, std::string body,
                              instant deadline) {
    for (;;) {
        co_await client->probe(which, fleet::range_path, body);
        if (client->link().problem(which).empty() || boot_now() >= deadline) co_return;
        asio::steady_timer timer(co_await asio::this_coro::executor, milliseconds(200));
        co_await timer.async_wait(asio::use_awaitable);
    }
}

} // namespace

std::vector<std::pair<std::string, std::string>> try_endpoints(const config::fleet_settings& f) {
    asio::io_context context;
    const auto names = std::make_shared<lookup>(context.get_executor());
    const auto client = std::make_shared<etcd_client>(context.get_executor(), names);
    std::vector<std::pair<std::string, std::string>> found;
    if (const auto used = client->use(f); !used) {
        for (const auto& e : f.endpoints) found.emplace_back(e.to_string(), used.error().text);
        return found;
    }
    const fleet::seal seal(f.prefix, f.seal);
    fleet::range r{seal.name_of_echo()};
    r.count_only = true;
    for (std::size_t i = 0; i < f.endpoints.size(); ++i)
        asio::co_spawn(context, try_one(client, i, to_json(r), boot_now() + patience), asio::detached);
    context.run_for(2 * patience);
    for (std::size_t i = 0; i < f.endpoints.size(); ++i)
        found.emplace_back(client->link().name(i), client->link().problem(i));
    names->close();
    return found;
}

} // namespace chronoknock::io
