#pragma once

#include "io/firewall/nft_kernel.hpp"

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What chronoknock says to nf_tables while it runs, straight over netlink: an element costs microseconds
/// that way, and milliseconds by running `nft`. Errors are the kernel's.
namespace chronoknock::io {

/// Runs nft on an order; see nft_kernel::run().
using nft_runner = std::function<result<std::optional<std::string>>(const firewall::nft_order&)>;

/// A blocking netlink socket. The kernel works off a request before send() returns and has its answer queued
/// by then, so nothing here ever waits for an answer to come.
class nft_socket final : public nft_kernel {
public:
    /// Fails without CAP_NET_ADMIN, and where the kernel has no nf_tables. runner: who runs nft; none: we do.
    static nft_result<nft_socket> open(nft_runner runner = {});

    const std::string& table() const override { return table_; }
    void use_table(std::string name) override { table_ = std::move(name); }
    bool is_owned() override;

    result<std::optional<std::string>> run(const firewall::nft_order& order) override;
    nft_result<void> change(std::span<const nft_element> elements) override;
    nft_result<void> delete_table() override;

    nft_result<firewall::table_state> state() override;
    nft_result<std::vector<nft_grant>> grants() override;
    nft_result<nft_fingerprint> fingerprint() override;
    nft_result<std::uint32_t> generation() override;
    bool translates() override;

    std::uint32_t port() const override { return mnl_socket_get_portid(socket_.get()); }

private:
    using callback = std::function<void(const nlmsghdr&)>;

    class builder;

    explicit nft_socket(netlink_ptr s) : socket_(std::move(s)) {}
    boost::system::error_code send(std::span<const std::byte> messages);
    nft_result<void> request(builder& one, const callback& each);
    nft_result<void> commit(builder& batch, std::uint32_t first);
    struct dump_request;
    using set_element = attributes<10>; ///< NFTA_SET_ELEM_*, as far as we ask
    nft_result<void> dump_elements(std::string_view set, const std::function<void(const set_element&)>& each,
                                   const std::function<void()>& again);
    nft_result<std::vector<nft_grant>> grant_elements(std::span<const std::string> sets);
    nft_result<std::vector<std::string>> set_names(); ///< none if there is no table
    nft_result<void> dump(const dump_request& what, const callback& each, const std::function<void()>& again);

    netlink_ptr socket_;
    nft_runner runner_;
    std::string table_ = firewall::table;
    std::uint32_t sequence_ = 0;
    std::vector<std::byte> buffer_; ///< of the builder; kept, so that a change() allocates nothing
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
