#include "io/system/child.hpp"

#include "base/text.hpp"
#include "io/system/ownership.hpp"
#include "io/system/privileges.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

constexpr off_t most_kept = 4096; // of what a program writes

error failure(const char* action, int number = errno) {
    return {std::string(action) + ": " + std::strerror(number)};
}

/// A file in memory that cannot grow: who writes more gets an error, and never waits.
descriptor small_file() {
    descriptor file(memfd_create("event-output", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file || ftruncate(file.get(), most_kept) != 0 || fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW) != 0)
        return descriptor();
    return file;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (const auto& t : texts) all.push_back(const_cast<char*>(t.c_str())); // posix_spawn changes none
    all.push_back(nullptr);
    return all;
}

struct spawn_settings {
    spawn_settings() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    spawn_settings(const spawn_settings&) = delete;
    spawn_settings& operator=(const spawn_settings&) = delete;
    ~spawn_settings() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

} // namespace

child::~child() {
    if (pid_ <= 0) return;
    kill();
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
}

void child::kill() const {
    if (pid_ > 0) ::kill(-pid_, SIGKILL);
}

result<int> child::take_status() {
    // Until it is waited for, its number is nobody else's.
    kill();
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(pid_, &status, 0)) < 0 && errno == EINTR) {
    }
    if (ended != pid_) return failure("waiting for it");
    pid_ = -1;
    return status;
}

std::string child::first_line() const {
    char text[512];
    const auto n = pread(output_.get(), text, sizeof text, 0);
    const std::string_view all(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    return printable(all.substr(0, all.find_first_of(std::string_view("\n\0", 2))));
}

result<child> start_program(const std::vector<std::string>& command,
                            const std::vector<std::string>& environment, program_rights rights) {
    // With no_new_privs exec gives none that whoever calls it has not, to root neither (capabilities(7)).
    if (rights == program_rights::none)
        if (const auto dropped = drop_all_capabilities(); !dropped) return dropped.error();
    auto output = small_file();
    if (!output) return failure("memory for its output");

    spawn_settings s;
    posix_spawn_file_actions_addopen(&s.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&s.actions, output.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&s.actions, output.get(), STDERR_FILENO);
    // Asio and libpcap mark none of theirs as not for others.
    posix_spawn_file_actions_addclosefrom_np(&s.actions, STDERR_FILENO + 1);
    posix_spawn_file_actions_addchdir_np(&s.actions, "/");
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&s.attributes, &none);
    posix_spawnattr_setsigdefault(&s.attributes, &all);
    posix_spawnattr_setflags(&s.attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    const auto arguments = pointers(command), variables = pointers(environment);
    pid_t pid = 0;
    const int refused = posix_spawn(&pid, command.front().c_str(), &s.actions, &s.attributes,
                                    arguments.data(), variables.data());
    if (refused != 0) return error{std::strerror(refused)};
    descriptor handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    const int number = errno;
    child c(pid, std::move(handle), std::move(output)); // if it cannot be watched, it ends here
    if (c.handle() < 0) return failure("watching it", number);
    return c;
}

std::vector<std::string> doubts_on_program(const std::string& path) {
    struct stat s{};
    if (::stat(path.c_str(), &s) != 0) return {path + ": " + std::strerror(errno)};
    std::vector<std::string> doubts;
    if (!S_ISREG(s.st_mode) || ::access(path.c_str(), X_OK) != 0)
        doubts.push_back(path +
                         " cannot be run: expected a program that whoever starts the server may execute");
    if ((s.st_mode & (S_IWGRP | S_IWOTH)) != 0 || (s.st_uid != 0 && s.st_uid != ::geteuid()))
        doubts.push_back(path +
                         " can be written by others, who can then do what whoever starts the server can");
    for (const auto& folder : folders_on_the_way(path))
        if (auto doubt = doubt_on_owner(folder, "a folder of the program that is run"); !doubt.empty())
            doubts.push_back(std::move(doubt));
    return doubts;
}

} // namespace chronoknock::io
