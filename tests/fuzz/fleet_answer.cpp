#include "fleet/messages.hpp"
#include "fleet/seal.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

using namespace chronoknock::fleet;

/// Answers of etcd, whoever wrote them, and what may be under a seal.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)parse_transaction_answer(text).has_value();
    (void)parse_range_answer(text).has_value();
    (void)parse_watch_answer(text).has_value();
    (void)parse_lease_answer(text).has_value();
    (void)parse_authenticate_answer(text).has_value();
    for (const char c : parse_complaint(text).text)
        if (c < ' ' || c == 0x7f) std::abort();
    if (const auto r = decode_burnt(text); r && encode(*r) != text) std::abort();
    if (const auto r = decode_top(text); r && encode(*r) != text) std::abort();
    if (const auto r = decode_grant(text); r && encode(*r) != text) std::abort();
    if (const auto r = decode_host(text); r && encode(*r) != text) std::abort();
    // What somebody writes who has not the seal: a name, and a value after the first byte that is no text.
    static const seal ours("/p", std::vector<std::uint8_t>(32, 7));
    const auto end = std::min(text.find('\0'), text.size());
    const auto name = text.substr(0, end), value = text.substr(std::min(end + 1, text.size()));
    if (ours.open_burnt(name, value) || ours.open_top(name, value) || ours.open_grant(name, value) ||
        ours.open_host(name, value))
        std::abort();
    return 0;
}
