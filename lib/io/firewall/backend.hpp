#pragma once

#include "base/error.hpp"
#include "config/server.hpp"
#include "firewall/backend.hpp"
#include "firewall/change.hpp"
#include "firewall/nft_order.hpp"
#include "firewall/rules.hpp"
#include "helper/requests.hpp"
#include "io/system/descriptor.hpp"

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::io {

using firewall::live_grant;

/// Where grants go to: the guard before the protected ports, or another firewall that shuts them. Answers
/// come from the io_context, in whose thread all of this is called; none comes after the backend's end.
class firewall_backend {
public:
    using answer = std::function<void(result<void>)>;
    using listing = std::function<void(result<std::vector<live_grant>>)>;

    virtual ~firewall_backend() = default;

    /// Makes the guard hold to the rules, and sees to it from then on. What is live goes on, and so do the
    /// grants for services that are as they were. If it fails, all stays as it was.
    virtual void prepare(firewall::rules r, answer done) = 0;
    /// The same, and blocks: the first guard stands before anything else is begun.
    virtual result<void> prepare_now(const firewall::rules& r) = 0;

    /// Opens, renews and closes, in this order. One change that fails does not take others with it; the
    /// answer has the first error.
    virtual void apply(std::vector<firewall::change> changes, answer done) = 0;

    /// What an earlier process may have left open, by the record, before anything is applied: for a backend
    /// that cannot see it for itself, and closes it in time.
    virtual void recall(std::vector<firewall::earlier_grant> grants) { (void)grants; }

    using closed_one = std::function<void(const prefix& who, const std::string& service)>;
    /// Asks to be told of each grant that is closed. False: nobody will be, since a grant is over with its
    /// time here. Else closing it may fail, and until then it is open, and has to stay on the record.
    virtual bool on_closed(closed_one told) {
        (void)told;
        return false;
    }
    /// The same for a grant that was to be closed and is open yet.
    virtual void on_unclosed(closed_one told) { (void)told; }
    /// True if a grant is open, or being closed, as far as such a backend knows.
    virtual bool holds(const prefix& who, const std::string& service) const {
        (void)who, (void)service;
        return false;
    }

    /// The live grants; nothing is left of one that should be closed by now and is not. One for several
    /// connections may stay until its time is over, though they are used up. Where nothing need be waited
    /// for, the answer comes before this returns.
    virtual void list(listing done) = 0;

    using counted = std::function<void(result<std::size_t>)>;
    /// Ends what is live of the flows that are meant, and answers how many they were; whoever may not open
    /// them again has no grant any more by then.
    virtual void cut(std::function<bool(const firewall::flow&)> meant, counted done) {
        (void)meant;
        done(error{"this firewall cannot end connections"});
    }

    /// What lives of the connections that are meant.
    struct live_flows {
        std::vector<firewall::flow> flows;
        instant as_of{}; ///< what began later may be lacking
    };
    /// As of when flows() would tell, for which it need not look; the epoch: it has to be asked.
    virtual instant flows_as_of() const { return {}; }
    /// Answered as list() is.
    virtual void flows(const std::function<bool(const firewall::flow&)>& meant,
                       std::function<void(result<live_flows>)> done) {
        (void)meant;
        done(error{"this firewall does not know which connections live"});
    }

    /// Takes the guard away: everybody reaches everything. Where the guard is none of ours, what we have
    /// opened is closed.
    virtual void withdraw(answer done) = 0;
};

/// What no waiting will mend, with the backend of that name (of firewall::backends): rules that it cannot
/// express, a program or a right that is not there.
result<void> check_backend(const std::string& name, const firewall::rules& r);

/// Who does for a backend what takes more rights than the server keeps. What is empty the process does
/// itself.
struct firewall_programs {
    /// Runs nft: see nft_kernel::run().
    std::function<result<std::optional<std::string>>(const firewall::nft_order&)> nft = {};
    /// Tells whether iptables-legacy translates addresses.
    std::function<bool()> legacy_translates = {};
    /// Has a program of the operator's run: see helper_process::run_program().
    std::function<result<descriptor>(helper::program which, std::vector<std::string> command,
                                     std::vector<std::string> facts)>
        run = {};
};

/// The error may be over in a moment.
result<std::unique_ptr<firewall_backend>> open_backend(const std::string& name,
                                                       boost::asio::io_context& context,
                                                       const firewall_programs& programs = {});

/// What the configuration asks of the firewall.
firewall::rules firewall_rules(const config::server& c);

} // namespace chronoknock::io
