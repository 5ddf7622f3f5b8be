#include "io/system/privileges.hpp"

#include <cap-ng.h>
#include <cerrno>
#include <cstring>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace chronoknock::io {

result<void> keep_only_network_privileges() {
    const auto failed = [](const char* what) {
        return error{std::string("privileges: ") + what + ": " + std::strerror(errno)};
    };
    const rlimit no_core{0, 0};
    if (::setrlimit(RLIMIT_CORE, &no_core) != 0) return failed("RLIMIT_CORE");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");

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

    // After the capabilities: a change of them may set it anew (capabilities(7)).
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("dumpable");
    return {};
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
