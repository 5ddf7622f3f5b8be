#include "packet/dns.hpp"

#include <algorithm>
#include <cstdlib>

/// A datagram to port 53: a question that is read has a name of labels as the DNS takes them, in lower case,
/// and asked again it is the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronoknock;
    const auto name = packet::dns_question({data, size});
    if (!name) return 0;
    const auto text = name->view();
    if (text.empty() || text.size() > 253 || text.front() == '.' || text.back() == '.') std::abort();
    std::size_t label = 0;
    for (const char c : text) {
        const bool fits =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        label = c == '.' ? 0 : label + 1;
        if (!fits || label > 63) std::abort();
    }
    const auto again = packet::dns_question(packet::make_dns_question(text, 1));
    if (!again || again->view() != text) std::abort();
    return 0;
}
