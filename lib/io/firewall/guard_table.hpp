#pragma once

#include "base/error.hpp"
#include "io/firewall/nft_socket.hpp"

#include <optional>
#include <span>

namespace chronoknock::io {

/// What the kernel said, in words for whoever runs the server.
error text_of(const char* what, const boost::system::error_code& e);

/// Our table as it was made last, so that what somebody else has made of it is noticed.
class guard_table {
public:
    explicit guard_table(nft_socket kernel) : kernel_(std::move(kernel)) {}

    nft_socket& kernel() { return kernel_; }
    /// True if something in this network namespace translates addresses.
    bool translates();
    /// Goes over to the spare name if another process owns the table; true if it did.
    bool give_way();

    /// Makes the table hold to the rules, by nft, in one transaction. Gives whether the sets that were there
    /// were kept, with their grants.
    result<bool> write(const chronoknock::firewall::rules& r,
                       std::span<const chronoknock::firewall::flow> admitted);
    /// True if it is as write() left it.
    bool is_whole();
    bool is_made() const { return made_.has_value(); }
    void forget() { made_.reset(); }

private:
    result<bool> run(const chronoknock::firewall::rules& r,
                     std::span<const chronoknock::firewall::flow> admitted);

    nft_socket kernel_;
    std::optional<nft_fingerprint> made_;
};

} // namespace chronoknock::io
