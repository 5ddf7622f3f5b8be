#include "io/nft_run.hpp"

#include "base/text.hpp"

#include <cerrno>
#include <cstring>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

error failure(const char* what, int number = errno) {
    return {std::string("nft: ") + what + ": " + std::strerror(number)};
}

/// A file in memory: unlike a pipe it never blocks either side.
class scratch_file {
public:
    explicit scratch_file(const char* name) : descriptor_(memfd_create(name, MFD_CLOEXEC)) {}
    scratch_file(const scratch_file&) = delete;
    scratch_file& operator=(const scratch_file&) = delete;
    ~scratch_file() {
        if (descriptor_ >= 0) close(descriptor_);
    }
    int descriptor() const { return descriptor_; }

    bool write(std::string_view text) const {
        while (!text.empty()) {
            const auto n = ::write(descriptor_, text.data(), text.size());
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return false;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
        return lseek(descriptor_, 0, SEEK_SET) == 0;
    }

    std::string first_line() const {
        char text[512];
        const auto n = pread(descriptor_, text, sizeof text, 0);
        const std::string_view all(text, n > 0 ? static_cast<std::size_t>(n) : 0);
        return printable(all.substr(0, all.find('\n')));
    }

private:
    int descriptor_;
};

} // namespace

result<void> run_nft(std::string_view script) {
    const char* program = nullptr;
    for (const auto* path : {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"})
        if (!program && access(path, X_OK) == 0) program = path;
    if (!program) return error{"nft: not found in /usr/sbin, /sbin or /usr/bin: install nftables"};

    const scratch_file input("nft-script"), output("nft-output");
    if (input.descriptor() < 0 || output.descriptor() < 0) return failure("memory for the script");
    if (!input.write(script)) return failure("writing the script");

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.descriptor(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output.descriptor(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output.descriptor(), STDERR_FILENO);
    char name[] = "nft", option[] = "-f", standard_input[] = "-", language[] = "LC_ALL=C";
    char* const arguments[] = {name, option, standard_input, nullptr};
    char* const environment[] = {language, nullptr};
    pid_t child = 0;
    const int refused = posix_spawn(&child, program, &actions, nullptr, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (refused != 0) return failure("cannot be run", refused);

    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return failure("waiting for it");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    const auto said = output.first_line();
    return error{"nft: " + (said.empty() ? "failed with status " + std::to_string(status) : said)};
}

} // namespace chronoknock::io
