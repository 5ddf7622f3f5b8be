#include "client/plan.hpp"

#include <boost/algorithm/hex.hpp>
#include <iterator>

namespace chronoknock::client {

std::string to_text(const std::vector<shot>& shots) {
    std::string text;
    for (const auto& s : shots) {
        if (!text.empty()) text += ' ';
        text += s.kind == packet::kind::echo       ? "icmp"
                : s.kind == packet::kind::datagram ? "udp/" + std::to_string(s.port)
                                                   : std::to_string(s.port);
        if (s.payload.empty()) continue;
        text += ':';
        boost::algorithm::hex_lower(s.payload.begin(), s.payload.end(), std::back_inserter(text));
    }
    return text;
}

} // namespace chronoknock::client
