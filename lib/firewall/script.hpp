#pragma once

#include "base/service.hpp"

#include <string>
#include <vector>

/// Pieces of text for `nft -f`.
namespace chronoknock::firewall {

inline constexpr int families[] = {4, 6};

/// "tcp" or "udp"
inline std::string name(transport protocol) { return protocol == transport::tcp ? "tcp" : "udp"; }

inline std::string line(const std::string& rule) { return "\t\t" + rule + "\n"; }

inline std::string chain(const std::string& chain_name, const std::string& lines) {
    return "\tchain " + chain_name + " {\n" + lines + "\t}\n";
}

/// "{ a, b }"
inline std::string join(const std::vector<std::string>& parts) {
    std::string text = "{ ";
    for (const auto& part : parts) text += (text.size() > 2 ? ", " : "") + part;
    return text + " }";
}

} // namespace chronoknock::firewall
