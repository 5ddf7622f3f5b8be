#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <compare>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct mnl_socket;
struct nlmsghdr;

/// What chronoknock says to nf_tables while it runs, straight over netlink: an element costs microseconds
/// that way, and milliseconds by running `nft`. Errors are the kernel's.
namespace chronoknock::io {

template <class T>
using nft_result = boost::system::result<T, boost::system::error_code>;

/// An address to be put into a set of our table for a while.
struct nft_element {
    std::string_view set;
    address key;
    milliseconds timeout{1}; ///< at least 1: to the kernel 0 is for ever
};

/// A grant as it stands in the kernel.
struct nft_live_element {
    address key;
    milliseconds left;
};

/// Tells a table that is as we made it from one that somebody emptied, disabled or made anew.
struct nft_fingerprint {
    struct chain {
        std::uint64_t handle = 0;
        std::uint32_t use = 0;
        auto operator<=>(const chain&) const = default;
    };
    std::uint64_t handle = 0;
    std::uint32_t flags = 0;
    std::vector<chain> chains;
    auto operator<=>(const nft_fingerprint&) const = default;
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
    /// Names of the sets in our table; none if there is no table.
    nft_result<std::vector<std::string>> sets();
    nft_result<std::vector<nft_live_element>> elements(std::string_view set);
    /// no_such_file_or_directory if the table or a chain is gone.
    nft_result<nft_fingerprint> fingerprint();
    nft_result<void> delete_table();

private:
    struct closer {
        void operator()(mnl_socket* s) const;
    };
    using callback = std::function<void(const nlmsghdr&)>;

    class builder;

    explicit nft_socket(mnl_socket* s) : socket_(s) {}
    boost::system::error_code send(std::span<const std::byte> messages);
    nft_result<void> receive(std::uint32_t first, std::uint32_t last, const callback& each);
    nft_result<void> request(builder& one, const callback& each);
    nft_result<void> commit(builder& batch, std::uint32_t first);
    nft_result<void> dump(int type, std::uint16_t table_attribute, std::string_view set, const callback& each,
                          const std::function<void()>& again);

    std::unique_ptr<mnl_socket, closer> socket_;
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
    /// Reads all that is queued; true if there was anything.
    static bool drain(int descriptor);

private:
    explicit nft_events(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

} // namespace chronoknock::io
