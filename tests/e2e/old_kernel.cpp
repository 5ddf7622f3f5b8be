// Preloaded by test_confinement.py: a kernel that lacks what KERNEL_LACKS names, landlock, seccomp or
// listener (of its filters), as far as the program can see.
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <dlfcn.h>
#include <linux/seccomp.h>
#include <string_view>
#include <sys/syscall.h>

namespace {

bool lacks(std::string_view part) {
    const char* const named = std::getenv("KERNEL_LACKS");
    return named && named == part;
}

long refuse(int number) {
    errno = number;
    return -1;
}

} // namespace

extern "C" long syscall(long number, ...) noexcept {
    va_list list;
    va_start(list, number);
    long a[6];
    for (auto& one : a) one = va_arg(list, long);
    va_end(list);
    if (number == SYS_landlock_create_ruleset && lacks("landlock")) return refuse(ENOSYS);
    if (number == SYS_seccomp && lacks("seccomp")) return refuse(EINVAL);
    if (number == SYS_seccomp && a[0] == SECCOMP_SET_MODE_FILTER &&
        (static_cast<unsigned long>(a[1]) & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0 && lacks("listener"))
        return refuse(EINVAL);
    using call = long (*)(long, ...);
    static const auto real = reinterpret_cast<call>(dlsym(RTLD_NEXT, "syscall"));
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
