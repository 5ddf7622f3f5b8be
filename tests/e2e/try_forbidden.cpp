// Linked into a server for test_confinement.py: it tries, from inside, what it must not be able to do, and
// tells the answers of the kernel and of the helper.
#include "helper/answers.hpp"
#include "helper/requests.hpp"
#include "io/control/more_operations.hpp"
#include "io/helper/frames.hpp"
#include "io/system/descriptor.hpp"
#include "io/system/internet_socket.hpp"

#include <boost/json.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

long try_vfork() {
    const auto pid = ::vfork();
    if (pid == 0) ::_exit(0);
    return pid;
}

long try_open(const std::string& path, int flags) {
    const descriptor file(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    return file ? 0 : -1;
}

/// Removed again.
long try_make(const std::string& path, mode_t mode) {
    const descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, mode));
    if (!file) return -1;
    ::unlink(path.c_str());
    return 0;
}

/// The mode of a file of ours, by name or by descriptor.
long try_mode(const std::string& path, const std::function<int(int)>& change) {
    const descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const int done = file ? change(file.get()) : 0;
    const int number = errno;
    ::unlink(path.c_str());
    errno = number;
    return done;
}
long try_chmod(const std::string& path, mode_t mode) {
    return try_mode(path, [&](int) { return ::chmod(path.c_str(), mode); });
}
long try_fchmod(const std::string& path, mode_t mode) {
    return try_mode(path, [&](int file) { return ::fchmod(file, mode); });
}

/// On the standard input, which is no terminal: another error than EPERM says that the kernel was asked.
long try_ioctl(unsigned long request) {
    int on = 0;
    return ::syscall(SYS_ioctl, STDIN_FILENO, request, &on);
}

long try_socket(int family, int kind, int protocol = 0) {
    const descriptor s(::socket(family, kind, protocol));
    return s ? 0 : -1;
}

long try_helpers_socket(int family, int kind, int protocol = 0) {
    const auto s = open_internet_socket(family, kind, protocol);
    return s ? 0 : -1;
}

/// The channel to the helper is one of our descriptors, and nothing keeps us from writing to it.
int find_channel() {
    for (int d = 3; d < 256; ++d) {
        int kind = 0;
        socklen_t size = sizeof kind;
        if (::getsockopt(d, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 && kind == SOCK_SEQPACKET) return d;
    }
    return -1;
}

/// What the helper answers to bytes.
std::string ask_helper(std::uint8_t kind, std::string_view bytes) {
    auto ends = socket_pair(SOCK_STREAM);
    if (!ends || !send_descriptor(find_channel(), kind, ends->second.get())) return "no channel";
    ends->second = descriptor();
    (void)send_frame(ends->first.get(), bytes);
    const auto answer = receive_frame(ends->first.get(), helper::most_texts, std::chrono::seconds(20));
    if (!answer) return answer.error().text;
    const auto all = bytes_of({answer->data(), answer->size()});
    if (const auto end = helper::decode_end(all); end) return end->text;
    if (const auto refusal = helper::decode_refusal(all); refusal && *refusal) return **refusal;
    const auto flag = helper::decode_flag(all);
    return flag ? "DONE" : flag.error().text;
}

std::string ask_helper(const helper::request& r) {
    return ask_helper(static_cast<std::uint8_t>(r.index()), helper::encode(r));
}

json::object try_helper(const std::string& named) {
    using helper::program;
    using helper::run_program;
    const std::vector<std::string> script{"/bin/sh", "-c", "id >" + named + ".abused"};
    firewall::nft_order foreign;
    foreign.rules.services = {{"web", {*endpoint_range::parse("tcp/80")}}};
    foreign.rules.table = "filter";
    firewall::nft_order included = foreign;
    included.rules.table = "a;include \"/dev/zero\"";
    firewall::nft_order injected = foreign;
    injected.rules.table = firewall::table;
    injected.existing.sets = {"a\ninclude \"/etc/shadow\""};
    std::string long_name = helper::encode(helper::look_up{std::string(5000, 'a')});
    return {
        {"program that nobody named", ask_helper(run_program{program::event, script, {}})},
        {"program for another purpose", ask_helper(run_program{program::open, {named}, {}})},
        {"more words", ask_helper(run_program{program::event, {named, "-x"}, {}})},
        {"variable of the loader", ask_helper(run_program{program::event, {named}, {"LD_PRELOAD=/x.so"}})},
        {"variable for a shell",
         ask_helper(run_program{program::event, {named}, {"CHRONOKNOCK_REASON=$(id)"}})},
        {"table of others", ask_helper(helper::write_guard{foreign})},
        {"last guard with more in it", ask_helper(helper::keep_guard{included.rules})},
        {"text for nft", ask_helper(helper::write_guard{injected})},
        {"name that is an option", ask_helper(helper::look_up{"-x"})},
        {"name that is long", ask_helper(6, long_name)},
        {"kind that is not announced", ask_helper(2, helper::encode(helper::remove_guard{}))},
        {"kind that there is not", ask_helper(77, "x")},
        {"socket of another family", ask_helper(9, std::string_view("\x09\x01\x00", 3))},
        {"socket that receives whole packets", ask_helper(9, std::string_view("\x09\x04\x03", 3))},
        {"rubbish", ask_helper(0, "\x01\xff\xff\xff\xff")},
        // What it may do.
        {"named program", ask_helper(run_program{program::event, {named}, {"CHRONOKNOCK_KEY=alice"}})},
        {"translation", ask_helper(helper::find_translation{})}};
}

json::object try_all(const std::string& outside, const std::string& inside) {
    char program[] = "/bin/true";
    char* const arguments[] = {program, nullptr};
    char* const environment[] = {nullptr};
    const std::pair<const char*, std::function<long()>> tries[] = {
        {"fork", [] { return try_child(SYS_fork); }},
        {"vfork", [] { return try_vfork(); }},
        {"clone", [] { return try_child(SYS_clone, SIGCHLD); }},
        {"open shadow", [] { return try_open("/etc/shadow", O_RDONLY); }},
        {"open outside", [&] { return try_open(outside, O_RDONLY); }},
        {"write outside", [&] { return try_open(outside, O_WRONLY); }},
        {"make outside", [&] { return try_open(outside + ".new", O_WRONLY | O_CREAT); }},
        {"write program", [] { return try_open("/usr/bin/env", O_WRONLY); }},
        {"raw socket", [] { return try_socket(AF_INET, SOCK_RAW, 1); }},
        {"datagram socket of that protocol", [] { return try_socket(AF_INET, SOCK_DGRAM, IPPROTO_RAW); }},
        {"raw socket to send, by itself",
         [] { return try_socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_RAW); }},
        {"Internet socket by itself", [] { return try_socket(AF_INET, SOCK_STREAM); }},
        {"Internet socket of the other family", [] { return try_socket(AF_INET6, SOCK_DGRAM); }},
        {"packet socket of another kind", [] { return try_socket(AF_PACKET, 10); }},
        {"other family", [] { return try_socket(38, SOCK_SEQPACKET); }},        // AF_ALG
        {"other netlink", [] { return try_socket(AF_NETLINK, SOCK_RAW, 16); }}, // NETLINK_GENERIC
        {"ptrace", [] { return ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr); }},
        {"kill", [] { return static_cast<long>(::kill(::getppid(), 0)); }},
        {"setuid", [] { return static_cast<long>(::syscall(SYS_setuid, 0)); }},
        {"mount", [] { return static_cast<long>(::mount("none", "/mnt", "tmpfs", 0, nullptr)); }},
        {"unshare", [] { return ::syscall(SYS_unshare, CLONE_NEWUSER); }},
        {"other memory",
         [] { return ::syscall(SYS_process_vm_readv, ::getppid(), nullptr, 0, nullptr, 0, 0); }},
        {"io_uring", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
        // A program that others run with our name.
        {"set-user-ID file", [&] { return try_make(inside + ".tried", 04700); }},
        {"chmod u+s", [&] { return try_chmod(inside + ".tried", 04700); }},
        {"fchmod g+s", [&] { return try_fchmod(inside + ".tried", 02700); }},
        {"set-group-ID folder", [&] { return static_cast<long>(::mkdir((inside + ".d").c_str(), 02700)); }},
        // The kernel takes 32 bits of the number; what a filter compares has 64.
        {"typing", [] { return try_ioctl(TIOCSTI); }},
        {"typing by another number", [] { return try_ioctl(0x100000000ul | TIOCSTI); }},
        {"signals by ioctl", [] { return try_ioctl(FIOASYNC); }},
        {"signals by fcntl", [] { return static_cast<long>(::fcntl(0, F_SETOWN, ::getppid())); }},
        {"signals of a choice", [] { return static_cast<long>(::fcntl(0, F_SETSIG, SIGKILL)); }},
        // What it may do.
        {"packet socket", [] { return try_socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC); }},
        {"socket by path", [] { return try_socket(AF_UNIX, SOCK_STREAM); }},
        {"raw socket to send", [] { return try_helpers_socket(AF_INET6, SOCK_RAW, IPPROTO_RAW); }},
        {"Internet socket", [] { return try_helpers_socket(AF_INET, SOCK_STREAM); }},
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
          access::owner}},
        {"try_helper",
         {[](const json::object& a, const reply& r) {
              r(try_helper(std::string(a.at("named").as_string())));
          },
          access::owner}}};
}

} // namespace chronoknock::io
