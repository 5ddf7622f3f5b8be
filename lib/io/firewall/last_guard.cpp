#include "io/firewall/last_guard.hpp"

#include "io/firewall/connections.hpp"
#include "io/firewall/guard_table.hpp"
#include "io/firewall/nft_run.hpp"
#include "io/firewall/nft_socket.hpp"
#include "io/system/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace chronoknock::io {

std::string last_guard_path(const std::string& state) {
    return state.substr(0, state.rfind('/') + 1) + "guard.nft";
}

result<void> keep_last_guard(const std::string& state, firewall::rules r) {
    // Set up over a guard that is there, it must not take away what that guards of published ports.
    auto kernel = nft_socket::open();
    r.translated =
        (kernel ? kernel->translates() : may_translate) || legacy_translates().value_or(may_translate);
    const auto script = firewall::setup_script(r, {}, {});
    if (!script) return script.error();
    return replace_file(last_guard_path(state),
                        "# chronoknock's last good guard; `chronoknock guard` or `nft -f` sets it up.\n" +
                            *script);
}

result<void> load_last_guard(const std::string& path) {
    const auto script = read_own_file(path);
    if (!script) return script.error();
    if (const auto done = run_nft(*script); !done) return error{path + ": " + done.error().text};
    return {};
}

result<bool> remove_guard(const std::string& state) {
    const auto path = last_guard_path(state);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return error{path + ": " + std::strerror(errno)};
    if (!guard_stands()) return false;
    auto kernel = nft_socket::open();
    const auto gone = kernel ? kernel->delete_table() : nft_result<void>(kernel.error());
    if (!gone) return text_of("removing the guard of an earlier configuration", gone.error());
    return true;
}

bool guard_stands() {
    auto kernel = nft_socket::open();
    const auto there = kernel ? kernel->state() : nft_result<firewall::table_state>(kernel.error());
    const auto has = [](const std::vector<std::string>& names, const char* name) {
        return std::ranges::find(names, name) != names.end();
    };
    return there && has(there->sets, firewall::flow_sets[0].name) && has(there->chains, "input");
}

} // namespace chronoknock::io
