#pragma once

#include "base/error.hpp"

#include <string>
#include <sys/types.h>

namespace chronoknock::io {

/// The number of a group that is named, or numbered.
result<gid_t> group_id(const std::string& name);

/// Takes on a group besides those that we are in, so that what is ours can be given to it; where we may.
/// Before privileges are dropped.
void join_group(const std::string& name);

} // namespace chronoknock::io
