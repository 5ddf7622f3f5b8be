#include "io/system/seccomp.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sockios.h>
#include <memory>
#include <sched.h>
#include <seccomp.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

namespace {

using filter = std::unique_ptr<void, decltype(&seccomp_release)>;

constexpr const char* allowed[] = {
    // Files.
    "read", "write", "pread64", "pwrite64", "readv", "writev", "preadv", "pwritev", "preadv2", "pwritev2",
    "close", "close_range", "dup", "dup2", "dup3", "flock", "fstat", "stat", "lstat", "newfstatat", "statx",
    "statfs", "fstatfs", "access", "faccessat", "faccessat2", "lseek", "ftruncate", "truncate", "fallocate",
    "fadvise64", "fsync", "fdatasync", "sync_file_range", "rename", "renameat", "renameat2", "link", "linkat",
    "unlink", "unlinkat", "readlink", "readlinkat", "chown", "fchown", "fchownat", "umask", "getcwd",
    "getdents", "getdents64", "utimensat", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
    "memfd_create",
    // Memory.
    "mmap", "munmap", "mremap", "mprotect", "madvise", "mlock", "mlock2", "munlock", "brk", "msync",
    "membarrier",
    // Threads, signals to ourselves, time.
    "futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "exit",
    "exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait",
    "sigaltstack", "restart_syscall", "sched_yield", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "getcpu", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres",
    "gettimeofday", "time", "adjtimex", "clock_adjtime", "timerfd_create", "timerfd_settime",
    "timerfd_gettime", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getgroups",
    "getresuid", "getresgid", "getrlimit", "getrusage", "times", "uname", "sysinfo", "getrandom", "capget",
    "capset",
    // Waiting, sockets that there are.
    "eventfd", "eventfd2", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "epoll_pwait2", "poll", "ppoll", "select", "pselect6", "pipe", "pipe2", "bind", "connect", "listen",
    "accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown", "sendto",
    "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg"};

/// Calls that give a file a mode, and which of their arguments it is.
constexpr std::pair<const char*, unsigned> giving_modes[] = {{"open", 2},   {"openat", 3},  {"creat", 1},
                                                             {"mkdir", 1},  {"mkdirat", 2}, {"chmod", 1},
                                                             {"fchmod", 1}, {"fchmodat", 2}};

// Without those that have signals sent to others: F_SETOWN, F_SETOWN_EX, F_SETSIG; FIOASYNC, FIOSETOWN,
// SIOCSPGRP.
constexpr int file_controls[] = {F_DUPFD,     F_DUPFD_CLOEXEC, F_GETFD,     F_SETFD,    F_GETFL,
                                 F_SETFL,     F_GETLK,         F_SETLK,     F_SETLKW,   F_OFD_GETLK,
                                 F_OFD_SETLK, F_OFD_SETLKW,    F_ADD_SEALS, F_GET_SEALS};
constexpr unsigned long device_controls[] = {
    // Of Asio, and isatty(3).
    FIONBIO, FIONREAD, TCGETS,
    // Of libpcap, about an interface.
    SIOCGIFNAME, SIOCGIFINDEX, SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFNETMASK, SIOCGIFBRDADDR,
    SIOCGIFDSTADDR, SIOCGIFHWADDR, SIOCGIFMTU, SIOCETHTOOL};

/// Adds rules; the first that fails counts.
class rule_adder {
public:
    explicit rule_adder(scmp_filter_ctx to) : to_(to) {}

    void add(std::uint32_t action, const char* call, std::initializer_list<scmp_arg_cmp> when = {}) {
        const int number = seccomp_syscall_resolve_name(call);
        if (failed_ != 0 || number == __NR_SCMP_ERROR) return; // a call of another machine, or a later kernel
        failed_ =
            -seccomp_rule_add_array(to_, action, number, static_cast<unsigned>(when.size()), when.begin());
    }
    int failed() const { return failed_; }

private:
    scmp_filter_ctx to_;
    int failed_ = 0;
};

constexpr scmp_arg_cmp equals(unsigned argument, std::uint64_t value) {
    return {argument, SCMP_CMP_EQ, value, 0};
}

void add_rules(rule_adder& rules, packet_sockets by, path_sockets own) {
    for (const auto* const call : allowed) rules.add(SCMP_ACT_ALLOW, call);
    for (const auto& [call, argument] : giving_modes)
        rules.add(SCMP_ACT_ALLOW, call, {{argument, SCMP_CMP_MASKED_EQ, S_ISUID | S_ISGID, 0}});
    for (const int control : file_controls)
        rules.add(SCMP_ACT_ALLOW, "fcntl", {equals(1, static_cast<std::uint64_t>(control))});
    for (const auto control : device_controls) rules.add(SCMP_ACT_ALLOW, "ioctl", {equals(1, control)});
    if (own == path_sockets::any)
        rules.add(SCMP_ACT_ALLOW, "socket", {equals(0, AF_UNIX)});
    else // libpcap asks about an interface by one or the other
        rules.add(SCMP_ACT_ALLOW, "socket", {equals(0, AF_INET), equals(1, SOCK_DGRAM), equals(2, 0)});
    for (const int protocol : {NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER})
        rules.add(SCMP_ACT_ALLOW, "socket",
                  {equals(0, AF_NETLINK), equals(2, static_cast<std::uint64_t>(protocol))});
    const auto given = by == packet_sockets::listener ? SCMP_ACT_NOTIFY : SCMP_ACT_ALLOW;
    rules.add(given, "socket", {equals(0, AF_PACKET)});
    rules.add(SCMP_ACT_ALLOW, "socketpair", {equals(0, AF_UNIX)});
    // A thread; clone3, whose flags no filter can see, is said not to be there (as container runtimes do).
    constexpr std::uint64_t thread = CLONE_VM | CLONE_THREAD;
    rules.add(SCMP_ACT_ALLOW, "clone", {{0, SCMP_CMP_MASKED_EQ, thread, thread}});
    rules.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
    rules.add(SCMP_ACT_ALLOW, "prlimit64", {equals(0, 0), equals(2, 0)});                     // asks only
    rules.add(SCMP_ACT_ALLOW, "tgkill", {equals(0, static_cast<std::uint64_t>(::getpid()))}); // abort()
    for (const int option :
         {PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ, PR_CAP_AMBIENT, PR_GET_NO_NEW_PRIVS, PR_GET_DUMPABLE})
        rules.add(SCMP_ACT_ALLOW, "prctl", {equals(0, static_cast<std::uint64_t>(option))});
}

error failure(int number) { return {std::string("seccomp: ") + std::strerror(number)}; }

} // namespace

result<descriptor> restrict_calls(packet_sockets by, path_sockets own) {
    const filter made(seccomp_init(SCMP_ACT_ERRNO(EPERM)), &seccomp_release);
    if (!made) return failure(ENOMEM);
    rule_adder rules(made.get());
    add_rules(rules, by, own);
    if (rules.failed() != 0) return failure(rules.failed());
    seccomp_attr_set(made.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2); // a binary tree: some 5 steps for each call
    if (const int failed = seccomp_load(made.get()); failed != 0) return failure(-failed);
    if (by == packet_sockets::itself) return descriptor();
    const int listener = seccomp_notify_fd(made.get());
    if (listener < 0) return failure(-listener);
    ::fcntl(listener, F_SETFD, FD_CLOEXEC);
    return descriptor(listener);
}

} // namespace chronoknock::io
