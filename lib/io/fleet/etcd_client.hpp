#pragma once

#include "config/fleet.hpp"
#include "fleet/link.hpp"
#include "io/fleet/https.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace chronoknock::io {

/// A cluster of etcd, by its JSON gateway: asked by the endpoint that answers, and the next one where that
/// does not.
class etcd_client : public std::enable_shared_from_this<etcd_client> {
public:
    etcd_client(boost::asio::any_io_executor executor, std::shared_ptr<lookup> names);

    /// For what is asked from now on; an error names the field of [fleet].
    result<void> use(const config::fleet_settings& f);
    /// Called where the state of the link has changed.
    void on_change(std::function<void()> f) { changed_ = std::move(f); }
    /// Nothing is answered any more.
    void close();

    /// The body of the answer. It waits so long at the most, and asks another endpoint meanwhile; what etcd
    /// refuses for good is an error at once. The question may have been answered where this fails.
    boost::asio::awaitable<result<std::string>> ask(std::string path, std::string body, nanoseconds patience);
    /// Asks one endpoint, to see whether it answers; that is told to the link.
    boost::asio::awaitable<void> probe(std::size_t which, std::string path, std::string body);
    /// Asks for a stream, and tells its lines until it ends, by itself or by hang_up(): that counts as a
    /// failure of its endpoint, unless that is not to blame.
    boost::asio::awaitable<error> follow(std::string path, std::string body, https_peer::on_line told);
    void hang_up(const std::string& why, bool blame);
    /// The endpoint that is followed has said something.
    void heard();

    const fleet::link& link() const { return *link_; }
    std::optional<std::size_t> to_probe(instant now) { return link_->to_probe(now); }
    bool is_lost() const { return link_->is_lost(); }
    bool takes_writes() const { return link_->takes_writes(); }
    /// The cluster has done a write that was asked for.
    void wrote();

private:
    boost::asio::awaitable<result<std::string>> authenticate(std::shared_ptr<https_peer> peer,
                                                             nanoseconds limit);
    void answered(std::size_t which);
    void failed(std::size_t which, const std::string& why);
    boost::asio::awaitable<void> pause(nanoseconds d);

    boost::asio::any_io_executor executor_;
    std::shared_ptr<lookup> names_;
    std::vector<std::shared_ptr<https_peer>> peers_;
    std::unique_ptr<fleet::link> link_;
    std::string user_;
    key::secret_text password_;
    std::string token_;
    std::function<void()> changed_;
    std::size_t followed_ = 0;
    std::string hung_up_; ///< why
    bool blamed_ = true;
    std::uint64_t generation_ = 0; ///< of peers_
};

} // namespace chronoknock::io
