#pragma once

#include "base/error.hpp"
#include "firewall/guardian.hpp"
#include "io/firewall/nft_kernel.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>

namespace chronoknock::io {

/// What the kernel said, in words for whoever runs the server.
error text_of(const char* what, const boost::system::error_code& e);

/// Our table as it was made last, so that what somebody else has made of it is noticed.
class guard_table {
public:
    /// legacy: tells whether iptables-legacy translates addresses, if we may not know.
    guard_table(std::unique_ptr<nft_kernel> kernel, std::function<bool()> legacy)
        : kernel_(std::move(kernel)), legacy_(std::move(legacy)) {}

    nft_kernel& kernel() { return *kernel_; }
    /// True if something in this network namespace translates addresses.
    bool translates();
    /// The same of iptables-legacy, of which the kernel tells nobody.
    bool legacy_translates() const;
    /// Goes over to the spare name if another process owns the table; true if it did.
    bool give_way();

    struct written {
        bool verified = true; ///< it was read back, and look() can compare
        bool kept = true;     ///< the sets that were there were kept, with their grants
    };
    /// Makes the table hold to the rules, by nft, in one transaction. An error: it did not, and nothing is
    /// changed. admitted: flows that go on; cut: UDP peers that what this host sends is not to admit.
    result<written> write(const firewall::rules& r, std::span<const firewall::flow> admitted,
                          const std::set<firewall::flow>& cut);
    /// Whether it is as write() left it.
    firewall::guardian::sight look();
    void forget() { made_.reset(), written_at_.reset(); }

private:
    result<bool> run(const firewall::rules& r, std::span<const firewall::flow> admitted,
                     const std::set<firewall::flow>& cut);

    std::unique_ptr<nft_kernel> kernel_;
    std::function<bool()> legacy_;
    std::optional<nft_fingerprint> made_;
    std::optional<std::uint32_t> written_at_; ///< the generation that write() made, where made_ is missing
};

} // namespace chronoknock::io
