#include "io/system/lookup_calls.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <seccomp.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace chronoknock::io {

namespace {

constexpr const char* of_lookups[] = {
    // Files that are read, and libraries.
    "read", "readv", "pread64", "open", "openat", "close", "fstat", "stat", "lstat", "newfstatat", "statx",
    "statfs", "fstatfs", "access", "faccessat", "faccessat2", "lseek", "readlink", "readlinkat", "getdents64",
    "fcntl", "mmap", "munmap", "mremap", "mprotect", "madvise", "brk",
    // Servers and daemons that are asked, and the answer.
    "write", "writev", "connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt",
    "shutdown", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "poll", "ppoll", "select", "pselect6",
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "timerfd_create", "timerfd_settime",
    "eventfd2",
    // The process.
    "futex", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "restart_syscall", "clock_gettime",
    "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom", "getpid", "gettid",
    "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo", "exit", "exit_group"};

error failure(int number) { return {std::string("seccomp: ") + std::strerror(number)}; }

} // namespace

result<void> restrict_to_lookups() {
    const std::unique_ptr<void, decltype(&seccomp_release)> made(seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                                 &seccomp_release);
    if (!made) return failure(ENOMEM);
    for (const auto* const call : of_lookups) {
        const int number = seccomp_syscall_resolve_name(call);
        if (number == __NR_SCMP_ERROR) continue; // a call of another machine, or a later kernel
        if (const int unfit = seccomp_rule_add(made.get(), SCMP_ACT_ALLOW, number, 0); unfit != 0)
            return failure(-unfit);
    }
    int failed = 0;
    const auto allow = [&](int call, unsigned argument, scmp_datum_t value) {
        const scmp_arg_cmp wanted{argument, SCMP_CMP_EQ, value, 0};
        if (failed == 0) failed = -seccomp_rule_add_array(made.get(), SCMP_ACT_ALLOW, call, 1, &wanted);
    };
    for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK})
        allow(SCMP_SYS(socket), 0, static_cast<scmp_datum_t>(family));
    allow(SCMP_SYS(ioctl), 1, FIONREAD);
    if (failed != 0) return failure(failed);
    failed = -seccomp_load(made.get());
    return failed == 0 ? result<void>() : failure(failed);
}

} // namespace chronoknock::io
