#pragma once

#include "base/error.hpp"
#include "io/system/descriptor.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace chronoknock::io {

/// A program that was started. It leads a session, and so a process group, of its own; whoever ends this
/// object before take_status() ends them all.
class child {
public:
    child(pid_t pid, descriptor handle, descriptor output)
        : pid_(pid), handle_(std::move(handle)), output_(std::move(output)) {}
    child(child&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)), handle_(std::move(other.handle_)),
          output_(std::move(other.output_)) {}
    child& operator=(child&&) = delete;
    ~child();

    /// Readable when the program has ended (pidfd_open(2)).
    int handle() const { return handle_.get(); }
    /// SIGKILL to it and to all of its process group.
    void kill() const;
    /// Its wait status (wait(2)), once it has ended; ends what is left of its group.
    result<int> take_status();
    /// The first line of what it wrote, printable.
    std::string first_line() const;

private:
    pid_t pid_;
    descriptor handle_;
    descriptor output_;
};

/// What a program has of the capabilities of whoever starts it: the helper (keep_only_network_privileges()).
enum class program_rights {
    none,
    network ///< all of them: for firewalls
};

/// Starts a program with just this environment, in /, its standard input empty. Of what it writes the first
/// bytes are kept, and writing more fails, without holding anybody up. It inherits no descriptor, no
/// capability beyond its rights and no blocked or ignored signal, and can gain nothing by exec if whoever
/// starts it has seen to that (no_new_privs). With no rights the calling thread loses its capabilities for
/// good: it must be one that does nothing else. Blocks until the program is loaded, which a
/// dead network file system can delay for ever.
result<child> start_program(const std::vector<std::string>& command,
                            const std::vector<std::string>& environment, program_rights rights);

/// What is wrong with a program that the server is to run: it is not there, or others can write it, or put
/// another in its place.
std::vector<std::string> doubts_on_program(const std::string& path);

} // namespace chronoknock::io
