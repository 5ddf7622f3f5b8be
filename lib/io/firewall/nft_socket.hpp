#pragma once

#include "base/address.hpp"
#include "base/time.hpp"
#include "firewall/rules.hpp"
#include "io/firewall/netlink.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What chronoknock says to nf_tables while it runs, straight over netlink: an element costs microseconds
/// that way, and milliseconds by running `nft`. Errors are the kernel's.
namespace chronoknock::io {

template <class T>
using nft_result = netlink_result<T>;

/// An address to be put into a set of our table for a while.
struct nft_element {
    std::string_view set;
    address key;
    milliseconds timeout{1}; ///< at least 1: to the kernel 0 is for ever
};

/// A grant as the kernel holds it.
struct live_grant {
    address who;
    std::string service;
    nanoseconds left;
};

/// Tells a table that is as we made it from one that somebody emptied, disabled, changed or made anew: all
/// that it says of chains, rules and sets, but for counters, and for the elements that come and go.
struct nft_fingerprint {
    std::uint64_t handle = 0;
    std::string content;
    bool operator==(const nft_fingerprint&) const = default;
};

/// A blocking netlink socket. The kernel works off a request before send() returns and has its answer queued
/// by then, so nothing here ever waits for an answer to come.
class nft_socket {
public:
    /// Fails without CAP_NET_ADMIN, and where the kernel has no nf_tables.
    static nft_result<nft_socket> open();

    /// Most elements for one put().
    static constexpr std::size_t most_elements = 1000;
    /// Puts elements into their sets in one transaction, all or none. Those already there start their time
    /// anew.
    nft_result<void> put(std::span<const nft_element> elements);
    /// Deletes the table; no_such_file_or_directory if there is none.
    nft_result<void> delete_table();

    /// What there is of our table; nothing if there is none.
    nft_result<chronoknock::firewall::table_state> state();
    /// The grants in our table; none if there is no table.
    nft_result<std::vector<live_grant>> grants();
    /// no_such_file_or_directory if the table is gone.
    nft_result<nft_fingerprint> fingerprint();
    /// Counts the transactions of this network namespace.
    nft_result<std::uint32_t> generation();
    /// True if some chain of this network namespace translates addresses (iptables-legacy's are not seen).
    bool translates();

    /// The table that is meant by all this; firewall::table at first.
    const std::string& table() const { return table_; }
    /// Another process owns the table (and only its own sockets may change it).
    bool is_owned();
    void use_table(std::string name) { table_ = std::move(name); }

    /// What messages of the kernel about our own changes carry.
    std::uint32_t port() const { return mnl_socket_get_portid(socket_.get()); }

private:
    using callback = std::function<void(const nlmsghdr&)>;

    class builder;

    explicit nft_socket(netlink_ptr s) : socket_(std::move(s)) {}
    boost::system::error_code send(std::span<const std::byte> messages);
    nft_result<void> receive(std::uint32_t first, std::uint32_t last, const callback& each);
    nft_result<void> request(builder& one, const callback& each);
    nft_result<void> commit(builder& batch, std::uint32_t first);
    struct dump_request;
    using set_element = attributes<10>; ///< NFTA_SET_ELEM_*, as far as we ask
    nft_result<void> dump_elements(std::string_view set, const std::function<void(const set_element&)>& each,
                                   const std::function<void()>& again);
    /// An address in a set of grants; `left`: none if it stays for ever.
    struct grant_element {
        std::string set;
        address who;
        std::optional<milliseconds> left;
    };
    nft_result<std::vector<grant_element>> grant_elements(std::span<const std::string> sets);
    nft_result<std::vector<std::string>> set_names(); ///< none if there is no table
    nft_result<void> dump(const dump_request& what, const callback& each, const std::function<void()>& again);

    netlink_ptr socket_;
    std::string table_ = chronoknock::firewall::table;
    std::uint32_t sequence_ = 0;
    std::vector<std::byte> buffer_; ///< of the builder; kept, so that a put() allocates nothing
    std::vector<std::byte> answer_;
};

/// A nonblocking netlink socket that becomes readable when somebody, ourselves included, has changed some
/// ruleset of this network namespace: once per transaction, whatever its size.
class nft_events {
public:
    static nft_result<nft_events> open();
    nft_events(nft_events&&) noexcept;
    ~nft_events();

    /// Hands the descriptor over.
    int release() { return std::exchange(descriptor_, -1); }
    /// Reads all that is queued; true if somebody changed something whose messages do not carry `own_port`.
    static bool drain(int descriptor, std::uint32_t own_port);

private:
    explicit nft_events(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

} // namespace chronoknock::io
