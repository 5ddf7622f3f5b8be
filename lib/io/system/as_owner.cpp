#include "io/system/as_owner.hpp"

#include "base/text.hpp"
#include "io/system/descriptor.hpp"
#include "io/system/landlock.hpp"
#include "io/system/privileges.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

constexpr std::size_t most_given = 256 << 20;
constexpr char gave = '+', refused = '-'; // what comes first

error failure(const char* step) { return {std::string(step) + ": " + std::strerror(errno)}; }

/// Of a file that is no link: where one leads, whoever laid it decides.
result<struct stat> look_at(const std::string& path) {
    const descriptor file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat s{};
    if (!file || ::fstat(file.get(), &s) != 0) return failure("cannot open");
    if (!S_ISREG(s.st_mode)) return error{"expected a regular file"};
    return s;
}

/// Its group counts too; no others do. What is ours needs no right to become another.
result<void> become_owner(const struct stat& s) {
    if (::geteuid() == 0 && s.st_uid != 0 &&
        (::setgroups(0, nullptr) != 0 || ::setresgid(s.st_gid, s.st_gid, s.st_gid) != 0 ||
         ::setresuid(s.st_uid, s.st_uid, s.st_uid) != 0))
        return failure("cannot become its owner");
    if (const auto dropped = drop_all_capabilities(); !dropped) return dropped;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failure("no_new_privs");
    return {};
}

bool write_all(int to, std::string_view text) {
    while (!text.empty()) {
        const auto n = ::write(to, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

std::string read_all(int from) {
    std::string all;
    char part[1 << 16];
    for (;;) {
        const auto n = ::read(from, part, sizeof part);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0 || all.size() > most_given) return all;
        all.append(part, static_cast<std::size_t>(n));
    }
}

[[noreturn]] void work_in_child(const std::string& path, const struct stat& s, int to,
                                const std::function<result<std::string>()>& work) {
    result<std::string> done = error{"no memory"};
    try {
        const auto folder = std::filesystem::absolute(path).parent_path().string();
        if (const auto became = become_owner(s); !became) {
            done = became.error();
        } else {
            // A kernel without Landlock restricts nothing; whom the file belongs to counts all the same.
            (void)restrict_files({{"/usr", "/lib", "/lib64", "/etc/localtime", "/dev/urandom"}, {folder}})
                .has_value();
            done = work();
        }
        write_all(to, (done ? gave : refused) + (done ? *done : done.error().text));
    } catch (const std::exception&) { // the other end reads nothing
    }
    ::_exit(0);
}

} // namespace

result<std::string> do_as_owner(const std::string& path, const std::function<result<std::string>()>& work) {
    const auto in_path = [&](const error& e) { return error{path + ": " + e.text}; };
    const auto found = look_at(path);
    if (!found) return in_path(found.error());
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return in_path(failure("pipe"));
    const descriptor from(ends[0]);
    descriptor to(ends[1]);
    const auto pid = ::fork();
    if (pid < 0) return in_path(failure("fork"));
    if (pid == 0) work_in_child(path, *found, to.get(), work);
    to = descriptor();
    auto given = read_all(from.get());
    ::kill(pid, SIGKILL); // it has given all, or too much
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (given.empty() || given.size() > most_given) return in_path(error{"it could not be read"});
    if (given.front() != gave) return error{printable(std::string_view(given).substr(1))};
    given.erase(0, 1);
    return {boost::system::in_place_value, std::move(given)};
}

} // namespace chronoknock::io
