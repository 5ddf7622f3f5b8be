#pragma once

#include "base/address.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <vector>

namespace chronoknock::io {

/// Knows which addresses are this host's own: those of its interfaces, and what its local
/// routing table takes for its own besides (`ip route add local`). An address that comes or goes is heard of
/// at once, a local route within ten seconds. What fails is logged and tried again each second.
class own_addresses {
public:
    /// on_change: gets all of them, when they were read first and whenever they are others. A host can have
    /// whole networks for its own (127.0.0.0/8).
    own_addresses(boost::asio::io_context& context,
                  std::function<void(const std::vector<prefix>&)> on_change);
    own_addresses(const own_addresses&) = delete;
    own_addresses& operator=(const own_addresses&) = delete;
    ~own_addresses();

    void start();
    void stop();

private:
    class impl;
    std::shared_ptr<impl> impl_;
};

} // namespace chronoknock::io
