// Linked into a server for test_confinement.py: it tries, from inside, what it must not be able to do, and
// tells the kernel's answers.
#include "io/control/more_operations.hpp"
#include "io/system/descriptor.hpp"

#include <boost/json.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <string>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

namespace json = boost::json;

/// Its error's name; what a call in a child would do there ends it.
std::string try_call(const std::function<long()>& call) {
    errno = 0;
    return call() >= 0 ? "DONE" : ::strerrorname_np(errno);
}

long try_child(long number, unsigned long flags = 0) {
    const long pid = ::syscall(number, flags, 0, 0, 0, 0);
    if (pid == 0) ::_exit(0);
    return pid;
}

long try_open(const std::string& path, int flags) {
    const descriptor file(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    return file ? 0 : -1;
}

long try_socket(int family, int kind, int protocol = 0) {
    const descriptor s(::socket(family, kind, protocol));
    return s ? 0 : -1;
}

json::object try_all(const std::string& outside, const std::string& inside) {
    char program[] = "/bin/true";
    char* const arguments[] = {program, nullptr};
    char* const environment[] = {nullptr};
    const std::pair<const char*, std::function<long()>> tries[] = {
        {"fork", [] { return try_child(SYS_fork); }},
        {"vfork", [] { return try_child(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD); }},
        {"clone", [] { return try_child(SYS_clone, SIGCHLD); }},
        {"open shadow", [] { return try_open("/etc/shadow", O_RDONLY); }},
        {"open outside", [&] { return try_open(outside, O_RDONLY); }},
        {"write outside", [&] { return try_open(outside, O_WRONLY); }},
        {"make outside", [&] { return try_open(outside + ".new", O_WRONLY | O_CREAT); }},
        {"write program", [] { return try_open("/usr/bin/env", O_WRONLY); }},
        {"raw socket", [] { return try_socket(AF_INET, SOCK_RAW, 1); }},
        {"packet socket of another kind", [] { return try_socket(AF_PACKET, 10); }},
        {"other family", [] { return try_socket(38, SOCK_SEQPACKET); }}, // AF_ALG
        {"ptrace", [] { return ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr); }},
        {"kill", [] { return static_cast<long>(::kill(::getppid(), 0)); }},
        {"setuid", [] { return static_cast<long>(::syscall(SYS_setuid, 0)); }},
        {"mount", [] { return static_cast<long>(::mount("none", "/mnt", "tmpfs", 0, nullptr)); }},
        {"unshare", [] { return ::syscall(SYS_unshare, CLONE_NEWUSER); }},
        {"other memory",
         [] { return ::syscall(SYS_process_vm_readv, ::getppid(), nullptr, 0, nullptr, 0, 0); }},
        {"io_uring", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
        // What it may do.
        {"packet socket", [] { return try_socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC); }},
        {"open inside", [&] { return try_open(inside, O_RDONLY); }},
        // Last: if it could, nobody would be here any more.
        {"exec", [&] { return static_cast<long>(::execve(program, arguments, environment)); }},
    };
    json::object answers;
    for (const auto& [name, call] : tries) answers[name] = try_call(call);
    return answers;
}

} // namespace

operations more_operations() {
    return {
        {"try_forbidden",
         {[](const json::object& a, const reply& r) {
              r(try_all(std::string(a.at("outside").as_string()), std::string(a.at("inside").as_string())));
          },
          access::owner}}};
}

} // namespace chronoknock::io
