#include "io/system/cgroup.hpp"

#include "io/system/files.hpp"

#include <algorithm>
#include <string_view>

namespace chronoknock::io {

std::string cgroup_of(const std::string& process) {
    const auto text = read_file("/proc/" + process + "/cgroup");
    if (!text) return {};
    std::string found;
    for (std::string_view rest = *text; !rest.empty();) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const auto path = line.find(":/");
        if (path == line.npos) continue;
        if (line.substr(0, path).ends_with(":name=systemd")) return std::string(line.substr(path + 1));
        if (line.starts_with("0::")) found = line.substr(path + 1);
    }
    return found;
}

} // namespace chronoknock::io
