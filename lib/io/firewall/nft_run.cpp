#include "io/firewall/nft_run.hpp"

#include "base/text.hpp"
#include "io/system/clock.hpp"
#include "io/system/spare_descriptors.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

constexpr nanoseconds patience = seconds(10); // a big table takes nft a second
constexpr timespec look_every{0, 200'000};    // nft takes some 10 ms

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

/// nft's wait status. One that takes too long is killed.
result<int> wait_for(pid_t child) {
    const auto deadline = boot_now() + patience;
    bool killed = false;
    int status = 0;
    for (;;) {
        const auto ended = waitpid(child, &status, killed ? 0 : WNOHANG);
        if (ended == child) break;
        if (ended < 0 && errno != EINTR) return failure("waiting for it");
        if (ended == 0 && boot_now() < deadline) {
            nanosleep(&look_every, nullptr);
        } else if (ended == 0) {
            kill(child, SIGKILL);
            killed = true;
        }
    }
    if (killed) return error{"nft: had to be killed after " + to_string(patience)};
    return status;
}

} // namespace

const char* nft_program() {
    for (const auto* path : {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"})
        if (access(path, X_OK) == 0) return path;
    return nullptr;
}

result<std::optional<std::string>> ask_nft(std::string_view script) {
    const auto* const program = nft_program();
    if (!program) return error{"nft: not found in /usr/sbin, /sbin or /usr/bin: install nftables"};

    const spare_descriptors freed;
    const scratch_file input("nft-script"), output("nft-output");
    if (input.descriptor() < 0 || output.descriptor() < 0) return failure("memory for the script");
    if (!input.write(script)) return failure("writing the script");

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.descriptor(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output.descriptor(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output.descriptor(), STDERR_FILENO);
    // Asio and libpcap mark none of theirs as not for others.
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    char name[] = "nft", option[] = "-f", standard_input[] = "-", language[] = "LC_ALL=C";
    char* const arguments[] = {name, option, standard_input, nullptr};
    char* const environment[] = {language, nullptr};
    pid_t child = 0;
    const int refused = posix_spawn(&child, program, &actions, nullptr, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (refused != 0) return failure("cannot be run", refused);

    const auto status = wait_for(child);
    if (!status) return status.error();
    const auto said = output.first_line();
    const auto refusal = "nft: " + (said.empty() ? "failed with status " + std::to_string(*status) : said);
    if (!WIFEXITED(*status)) return error{refusal};
    if (WEXITSTATUS(*status) == 0) return std::optional<std::string>();
    return std::optional(refusal);
}

result<std::optional<std::string>> run_order(const firewall::nft_order& order) {
    const auto script = script_of(order);
    if (!script) return std::optional(script.error().text);
    if (script->empty()) return std::optional<std::string>();
    return ask_nft(*script);
}

result<void> run_nft(std::string_view script) {
    const auto refusal = ask_nft(script);
    if (!refusal) return refusal.error();
    if (*refusal) return error{**refusal};
    return {};
}

} // namespace chronoknock::io
