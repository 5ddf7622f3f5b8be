#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <vector>

namespace chronoknock::io {

/// Hears from the kernel (rtnetlink) that links, addresses or routes change; what changed is not looked at.
class network_changes {
public:
    /// groups: RTNLGRP_... of linux/rtnetlink.h.
    network_changes(boost::asio::io_context& context, std::vector<int> groups,
                    std::function<void()> on_change);
    ~network_changes();
    network_changes(const network_changes&) = delete;
    network_changes& operator=(const network_changes&) = delete;

    /// From now on; does nothing while it listens. False if there is no listening now. It may end by itself:
    /// call it again with each change, at the least.
    bool listen();

private:
    class impl;
    std::shared_ptr<impl> impl_;
};

} // namespace chronoknock::io
