#pragma once

#include "firewall/ledger.hpp"
#include "io/firewall/backend.hpp"
#include "io/firewall/nft_kernel.hpp"

#include <functional>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace chronoknock::io {

/// The grants in the sets of nftables' table, and what is known of them should it be lost.
class grant_sets {
public:
    using answer = firewall_backend::answer;

    /// missing: called when a grant found no set; what it needs may be back when that returns.
    grant_sets(nft_kernel& kernel, std::function<void()> missing)
        : kernel_(kernel), missing_(std::move(missing)) {}

    /// Learns what an earlier process left open, for the services that are now as they were then.
    void adopt(const firewall::rules& r);
    /// The table holds to these rules now: of a service that is another one than before nothing is open.
    void take_up(const firewall::rules& r);
    /// There is no table.
    void clear();

    /// To be made by the next send(). True if nothing was queued before.
    bool queue(std::vector<firewall::change> changes, answer done);
    /// Makes all that is queued, in one transaction, and answers.
    void send();

    /// As the kernel has them; of many thousands those that are known here, since reading them all would hold
    /// up the loop for a second.
    result<std::vector<live_grant>> list();
    /// What a table that was lost is to have again.
    std::vector<firewall::change> to_put_back(const firewall::rules& r) const;
    /// True if a grant may have admitted the flow since that moment.
    bool may_have_admitted(const firewall::flow& f, const firewall::rules& r, instant since) const;

private:
    struct request {
        std::vector<firewall::change> changes;
        answer done;
        std::optional<error> failure{};
    };
    struct entry {
        nft_element element;
        const firewall::change* what;
        request* from;
    };
    /// Of a service and who has a grant for it: family and length of the network.
    using names = std::map<std::tuple<std::string, int, std::uint8_t>, std::string>;
    const std::string* set_of(const firewall::change& c) const;

    static names names_of(const firewall::rules& r);
    void put(std::span<const entry> entries);
    boost::system::error_code put_one(const entry& e);

    nft_kernel& kernel_;
    std::function<void()> missing_;
    names sets_;
    firewall::ledger open_;
    std::vector<request> queue_;
};

} // namespace chronoknock::io
