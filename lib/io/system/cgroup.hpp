#pragma once

#include <string>

namespace chronoknock::io {

/// Where systemd has put a process ("self", or its number): its cgroup, of the one hierarchy or of the one
/// called systemd (cgroups(7)). Only root can put a process elsewhere than below where it is. Empty: not to
/// be had.
std::string cgroup_of(const std::string& process);

} // namespace chronoknock::io
