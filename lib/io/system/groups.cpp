#include "io/system/groups.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <grp.h>
#include <unistd.h>
#include <vector>

namespace chronoknock::io {

result<gid_t> group_id(const std::string& name) {
    if (const auto number = parse_number(name, 0, 0xfffffffe)) return static_cast<gid_t>(*number);
    if (const auto* const found = ::getgrnam(name.c_str())) return found->gr_gid;
    return error{"there is no group '" + printable(name) + "'"};
}

void join_group(const std::string& name) {
    const auto id = group_id(name);
    const int count = ::getgroups(0, nullptr);
    if (!id || count < 0) return;
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    if (::getgroups(count, groups.data()) != count || std::ranges::count(groups, *id)) return;
    groups.push_back(*id);
    (void)::setgroups(groups.size(), groups.data());
}

} // namespace chronoknock::io
