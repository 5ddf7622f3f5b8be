// Preloaded by test_helper.py: while the file HELPER_FAULT_WHILE is there, the server's helper meets what
// HELPER_FAULT names: fork (none is to be had), socket (whoever opens a packet socket is killed), lookup or
// translation (no answer comes; whoever writes the last guard, and has asked the kernel before, has one).
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

bool asked_kernel = false;

bool meets(std::string_view fault) {
    char name[16] = {};
    ::prctl(PR_GET_NAME, name, 0, 0, 0);
    const char* const wanted = std::getenv("HELPER_FAULT");
    const char* const flag = std::getenv("HELPER_FAULT_WHILE");
    return std::string_view(name) == "knock-helper" && wanted && fault == wanted && flag &&
           ::access(flag, F_OK) == 0;
}

void wait_while_met(std::string_view fault) {
    while (meets(fault)) ::poll(nullptr, 0, 20);
}

template <class Call>
Call real(const char* name) {
    return reinterpret_cast<Call>(dlsym(RTLD_NEXT, name));
}

} // namespace

extern "C" pid_t fork() noexcept {
    if (!meets("fork")) return real<pid_t (*)()>("fork")();
    errno = EAGAIN;
    return -1;
}

extern "C" int socket(int family, int kind, int protocol) noexcept {
    asked_kernel |= family == AF_NETLINK;
    if (family == AF_PACKET && meets("socket")) ::kill(::getpid(), SIGKILL);
    return real<int (*)(int, int, int)>("socket")(family, kind, protocol);
}

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
    wait_while_met("lookup");
    return real<int (*)(const char*, const char*, const addrinfo*, addrinfo**)>("getaddrinfo")(host, service,
                                                                                               hints, found);
}

namespace {

FILE* opened(const char* call, const char* path, const char* mode) {
    if (std::strstr(path, "ip_tables_names") && !asked_kernel) wait_while_met("translation");
    return real<FILE* (*)(const char*, const char*)>(call)(path, mode);
}

} // namespace

// std::ifstream calls one or the other, by the C++ library's version.
extern "C" FILE* fopen(const char* path, const char* mode) { return opened("fopen", path, mode); }
extern "C" FILE* fopen64(const char* path, const char* mode) { return opened("fopen64", path, mode); }
