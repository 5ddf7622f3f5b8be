#include "io/system/privileges.hpp"

#include <cap-ng.h>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

constexpr auto own_sets = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);

error failed(const char* step) { return {std::string("privileges: ") + step + ": " + std::strerror(errno)}; }

/// No core dumps, and nothing more to be had by exec.
result<void> forgo_gains() {
    const rlimit no_core{0, 0};
    if (::setrlimit(RLIMIT_CORE, &no_core) != 0) return failed("RLIMIT_CORE");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
    return {};
}

/// After each change of capabilities or user, which may set it anew (capabilities(7)).
result<void> not_dumpable() {
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("dumpable");
    return {};
}

} // namespace

result<void> keep_only_network_privileges() {
    if (const auto done = forgo_gains(); !done) return done;
    if (capng_get_caps_process() != 0) return failed("capabilities");
    const bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
    bool kept[2] = {};
    constexpr unsigned wanted[2] = {CAP_NET_ADMIN, CAP_NET_RAW};
    for (int i = 0; i < 2; ++i) kept[i] = capng_have_capability(CAPNG_PERMITTED, wanted[i]) != 0;
    capng_clear(CAPNG_SELECT_ALL);
    // nft has root's as far as the bounding set goes; run by another user it needs them handed down.
    auto own = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET;
    if (::geteuid() != 0) own |= CAPNG_INHERITABLE | CAPNG_AMBIENT;
    for (int i = 0; i < 2; ++i)
        if (kept[i] && capng_update(CAPNG_ADD, static_cast<capng_type_t>(own), wanted[i]) != 0)
            return failed("capabilities");
    // The bounding set is CAP_SETPCAP's to change; who started us without it has seen to that himself, and
    // with no_new_privs nothing beyond our own comes back by exec.
    if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS) != 0) return failed("bounding set");
    if (capng_apply(CAPNG_SELECT_CAPS) != 0) return failed("capabilities");
    if (capng_apply(CAPNG_SELECT_AMBIENT) != 0) return failed("ambient capabilities");
    return not_dumpable();
}

result<void> keep_privileges_for_start() {
    if (const auto done = forgo_gains(); !done) return done;
    if (capng_get_caps_process() != 0) return failed("capabilities");
    constexpr unsigned wanted[] = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_SETUID,
                                   CAP_SETGID,    CAP_CHOWN,   CAP_SETPCAP};
    bool kept[std::size(wanted)] = {};
    for (std::size_t i = 0; i < std::size(wanted); ++i)
        kept[i] = capng_have_capability(CAPNG_PERMITTED, wanted[i]) != 0;
    capng_clear(CAPNG_SELECT_CAPS);
    for (std::size_t i = 0; i < std::size(wanted); ++i)
        if (kept[i] && capng_update(CAPNG_ADD, own_sets, wanted[i]) != 0) return failed("capabilities");
    if (capng_apply(CAPNG_SELECT_CAPS) != 0) return failed("capabilities");
    return not_dumpable();
}

result<void> keep_privileges(network_rights rights) {
    if (capng_get_caps_process() != 0) return failed("capabilities");
    const bool has_admin = capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN) != 0;
    const bool has_raw = capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW) != 0;
    const bool may_bound = capng_have_capability(CAPNG_PERMITTED, CAP_SETPCAP) != 0;
    if (may_bound) { // after a change of user it is permitted, and not in effect
        if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, CAP_SETPCAP) != 0 || capng_apply(CAPNG_SELECT_CAPS) != 0)
            return failed("capabilities");
        capng_clear(CAPNG_SELECT_BOUNDS);
        if (capng_apply(CAPNG_SELECT_BOUNDS) != 0) return failed("bounding set");
    }
    capng_clear(CAPNG_SELECT_ALL);
    if (has_admin && capng_update(CAPNG_ADD, own_sets, CAP_NET_ADMIN) != 0) return failed("capabilities");
    if (has_raw && rights == network_rights::all && capng_update(CAPNG_ADD, own_sets, CAP_NET_RAW) != 0)
        return failed("capabilities");
    if (capng_apply(CAPNG_SELECT_AMBIENT) != 0 && errno != EPERM) return failed("ambient capabilities");
    if (capng_apply(CAPNG_SELECT_CAPS) != 0) return failed("capabilities");
    return rights == network_rights::all ? not_dumpable() : result<void>();
}

std::vector<std::string> capabilities() {
    std::vector<std::string> names;
    if (capng_get_caps_process() != 0) return names;
    for (unsigned c = 0; c <= static_cast<unsigned>(CAP_LAST_CAP); ++c)
        if (capng_have_capability(CAPNG_EFFECTIVE, c) != 0)
            if (const auto* const name = capng_capability_to_name(c)) names.emplace_back(name);
    return names;
}

result<void> drop_all_capabilities() {
    capng_clear(CAPNG_SELECT_CAPS);
    if (capng_apply(CAPNG_SELECT_CAPS) != 0) return error{"privileges: capabilities cannot be given up"};
    return {};
}

bool may_set_up_firewall() {
    return capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) != 0;
}

} // namespace chronoknock::io
