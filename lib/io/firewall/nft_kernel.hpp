#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "firewall/nft_order.hpp"
#include "io/firewall/netlink.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::io {

template <class T>
using nft_result = netlink_result<T>;

/// An address to be put into a set of our table for a while, or taken out of it.
struct nft_element {
    std::string_view set;
    address key;
    std::optional<milliseconds> timeout; ///< at least 1: to the kernel 0 is for ever; none: to be taken out
};

/// An address in a set of grants.
struct nft_grant {
    std::string set;
    address who;
    std::optional<milliseconds> left; ///< none: it stays for ever
};

/// Tells a table that is as we made it from one that somebody emptied, disabled, changed or made anew: all
/// that it says of chains, rules and sets, but for counters, and for the elements that come and go.
struct nft_fingerprint {
    std::uint64_t handle = 0;
    std::string content;
    bool operator==(const nft_fingerprint&) const = default;
};

/// What the nftables backend asks of the kernel about one table. Each call is one step, that does all or
/// nothing; errors are the kernel's.
class nft_kernel {
public:
    virtual ~nft_kernel() = default;

    /// The table that is meant by all this; firewall::table at first.
    virtual const std::string& table() const = 0;
    virtual void use_table(std::string name) = 0;
    /// Another process owns the table (and only its own sockets may change it).
    virtual bool is_owned() = 0;

    /// Has nft carry out an order in one transaction. Gives what nft, or the rules of what can be expressed,
    /// said against it; nothing if it took it. The error: there came no answer, and it may have been done.
    virtual result<std::optional<std::string>> run(const firewall::nft_order& order) = 0;
    /// Puts elements into their sets, or takes them out, in one transaction. Those already there start their
    /// time anew; to take out what is not there is no failure.
    virtual nft_result<void> change(std::span<const nft_element> elements) = 0;
    /// Deletes the table; no_such_file_or_directory if there is none.
    virtual nft_result<void> delete_table() = 0;

    /// What there is of our table; nothing if there is none.
    virtual nft_result<firewall::table_state> state() = 0;
    /// The elements of the sets of grants in our table, as far as they end; none if there is no table.
    virtual nft_result<std::vector<nft_grant>> grants() = 0;
    /// no_such_file_or_directory if the table is gone.
    virtual nft_result<nft_fingerprint> fingerprint() = 0;
    /// Counts the transactions of this network namespace.
    virtual nft_result<std::uint32_t> generation() = 0;
    /// True if some chain of this network namespace translates addresses (iptables-legacy's are not seen).
    virtual bool translates() = 0;

    /// What messages of the kernel about changes of its own carry (those of run() carry another).
    virtual std::uint32_t port() const = 0;

    /// Most elements for one change().
    static constexpr std::size_t most_elements = 1000;
};

} // namespace chronoknock::io
