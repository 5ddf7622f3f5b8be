#include "io/system/landlock.hpp"

#include "io/system/descriptor.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

// Debian 12 has no library for it, and headers of an early version: the bits as linux/landlock.h has them.
constexpr std::uint64_t execute = 1 << 0, write_file = 1 << 1, read_file = 1 << 2, read_dir = 1 << 3,
                        remove_dir = 1 << 4, remove_file = 1 << 5, make_char = 1 << 6, make_dir = 1 << 7,
                        make_reg = 1 << 8, make_sock = 1 << 9, make_fifo = 1 << 10, make_block = 1 << 11,
                        make_sym = 1 << 12, refer = 1 << 13, truncate = 1 << 14, ioctl_dev = 1 << 15;
constexpr std::uint64_t scope_abstract_sockets = 1 << 0, scope_signals = 1 << 1;

constexpr std::uint64_t reading = read_file | read_dir;
constexpr std::uint64_t writing =
    reading | write_file | remove_file | make_dir | make_reg | make_sock | truncate;
constexpr std::uint64_t of_files = execute | write_file | read_file | truncate | ioctl_dev;

struct ruleset {
    std::uint64_t files;
    std::uint64_t network;
    std::uint64_t scoped;
};

std::uint64_t handled(int abi) {
    auto all = execute | writing | remove_dir | make_char | make_fifo | make_block | make_sym;
    if (abi >= 2) all |= refer;
    if (abi < 3) all &= ~truncate;
    if (abi >= 5) all |= ioctl_dev;
    return all;
}

std::size_t ruleset_size(int abi) {
    return abi < 4 ? sizeof(std::uint64_t) : abi < 6 ? 2 * sizeof(std::uint64_t) : sizeof(ruleset);
}

error failure(const char* call) { return {std::string("Landlock: ") + call + ": " + std::strerror(errno)}; }

result<void> allow(int rules, const std::string& path, std::uint64_t access) {
    const descriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
    struct stat s{};
    if (!place || ::fstat(place.get(), &s) != 0) return {};
    landlock_path_beneath_attr beneath{};
    beneath.allowed_access = S_ISDIR(s.st_mode) ? access : access & of_files;
    beneath.parent_fd = place.get();
    if (::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
        return failure(path.c_str());
    return {};
}

} // namespace

result<int> restrict_files(const open_paths& paths) {
    const auto abi =
        static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
    if (abi < 1) return 0;
    const ruleset wanted{handled(abi), 0, abi >= 6 ? scope_abstract_sockets | scope_signals : 0};
    const descriptor rules(
        static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, ruleset_size(abi), 0)));
    if (!rules) return failure("making a ruleset");
    for (const auto& path : paths.readable)
        if (const auto done = allow(rules.get(), path, reading & wanted.files); !done) return done.error();
    for (const auto& path : paths.writable)
        if (const auto done = allow(rules.get(), path, writing & wanted.files); !done) return done.error();
    if (::syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0) return failure("taking effect");
    return abi;
}

} // namespace chronoknock::io
