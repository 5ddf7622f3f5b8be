#include "helper/requests.hpp"

#include <cstdlib>

namespace {

/// A service may be called so.
bool names_include(const chronoknock::firewall::rules& r) {
    for (const auto& s : r.services)
        if (s.name.find("include") != s.name.npos) return true;
    return false;
}

} // namespace

/// A request is read, or refused with one line; what was read is what would be sent again, and gives a script
/// that names no table but ours, or none.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronoknock;
    const auto r = helper::decode({data, size});
    if (!r) {
        for (const char c : r.error().text)
            if (c < 0x20 || c == 0x7f) std::abort();
        return 0;
    }
    const auto text = helper::encode(*r);
    const auto again = helper::decode({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    if (!again || !(*again == *r)) std::abort();
    if (const auto* const guard = std::get_if<helper::write_guard>(&*r))
        if (const auto script = script_of(guard->order);
            script && script->find("inet chronoknock") == script->npos && !script->empty())
            std::abort();
    if (const auto* const guard = std::get_if<helper::keep_guard>(&*r)) {
        const auto script = setup_script(guard->rules, {}, {});
        if (!firewall::is_our_table(guard->rules.table)) std::abort();
        if (script && script->find("include") != script->npos && !names_include(guard->rules)) std::abort();
    }
    return 0;
}
