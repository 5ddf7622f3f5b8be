#pragma once

#include "config/server.hpp"
#include "firewall/grant.hpp"
#include "firewall/rules.hpp"
#include "io/firewall/nft_socket.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <vector>

namespace chronoknock::io {

/// What the configuration asks of the firewall.
chronoknock::firewall::rules firewall_rules(const config::server& c);

/// The guard before the protected ports, in nftables. Grants end in the kernel: nothing here need live on for
/// that. The functions that block (set_up, remove, list) are to be called where the io_context runs, by one
/// thread, or before it runs.
class firewall {
public:
    /// Needs CAP_NET_ADMIN; the error says so.
    static result<firewall> open(boost::asio::io_context& context);
    firewall(firewall&&) noexcept;
    firewall& operator=(firewall&&) noexcept;
    ~firewall();

    /// Makes our table hold to the rules, in one transaction, and keeps the live grants of a table that is
    /// there. Runs nft, some 10 ms. From then on a table that somebody removes or changes is set up again,
    /// with the grants still open, except those that are good for so many connections only.
    result<void> set_up(const chronoknock::firewall::rules& r);

    /// Adds or renews grants; returns at once. All that were queued when their turn comes go to the kernel in
    /// one transaction, and one that fails does not take others with it. `done` is called from the
    /// io_context: with the first error among these grants, if any.
    void add(std::vector<chronoknock::firewall::grant> grants, std::function<void(result<void>)> done);

    /// Takes the guard away. Without it everybody reaches everything.
    result<void> remove();

    /// The live grants, as the kernel has them; of many thousands those that we know, since reading them all
    /// would hold up the loop for a second. A grant for several connections stays until its time is over,
    /// though they are used up.
    result<std::vector<live_grant>> list();

private:
    class impl;
    explicit firewall(std::shared_ptr<impl> i);
    std::shared_ptr<impl> impl_;
};

} // namespace chronoknock::io
