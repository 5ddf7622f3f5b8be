#pragma once

#include "base/address.hpp"
#include "base/service.hpp"

#include <string>

namespace chronoknock::firewall {

/// One source address may reach one service for a while.
struct grant {
    address who;
    std::string service; ///< name of a configured service
    nanoseconds open_for;
};

} // namespace chronoknock::firewall
