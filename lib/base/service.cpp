#include "base/service.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace chronoknock {

result<endpoint_range> endpoint_range::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto protocol = text.substr(0, slash);
    if (slash == text.npos || (protocol != "tcp" && protocol != "udp"))
        return error{"expected tcp/PORT, udp/PORT or a range like tcp/1000-1010, not '" + printable(text) +
                     "'"};
    const auto ports = port_range::parse(text.substr(slash + 1));
    if (!ports) return ports.error();
    if (ports->first == 0) return error{"port: expected a whole number from 1 to 65535, not 0"};
    return endpoint_range{protocol == "tcp" ? transport::tcp : transport::udp, *ports};
}

std::string endpoint_range::to_string() const {
    return (protocol == transport::tcp ? "tcp/" : "udp/") + ports.to_string();
}

result<std::vector<endpoint_range>> parse_asked_ports(std::string_view text) {
    constexpr std::size_t most = 40;
    const error unfit{"expected 1 to " + std::to_string(most) + " ports like tcp/22,udp/53, each once"};
    std::vector<endpoint_range> all;
    for (const auto part : split_list(text)) {
        auto one = endpoint_range::parse(part);
        if (!one || one->ports.size() != 1 || all.size() == most || std::ranges::find(all, *one) != all.end())
            return unfit;
        all.push_back(*one);
    }
    if (all.empty()) return unfit;
    return all;
}

bool service::valid_name(std::string_view name) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto other = [](char c) { return (c >= '0' && c <= '9') || c == '_' || c == '-'; };
    return !name.empty() && name.size() <= 32 && letter(name.front()) &&
           std::ranges::all_of(name, [&](char c) { return letter(c) || other(c); });
}

} // namespace chronoknock
