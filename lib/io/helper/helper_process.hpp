#pragma once

#include "base/error.hpp"
#include "helper/answers.hpp"
#include "helper/requests.hpp"
#include "io/helper/site.hpp"
#include "io/system/descriptor.hpp"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace chronoknock::io {

/// The server's end of its helper (helper/requests.hpp): a process that keeps what the server gives up, and
/// ends with it. Any thread may ask; whoever asks waits for the answer, unless it says otherwise.
class helper_process {
public:
    /// Forks it. The calling process must have one thread only, and nothing secret in its memory yet. The
    /// helper gives away at once what it does not need itself.
    static result<helper_process> start(const helper_site& site);
    /// One that systemd starts for whoever connects there (a path), and that is root's; it admits us, or it
    /// is an error (peer.hpp).
    static result<helper_process> connect(const std::string& path);

    pid_t pid() const { return pid_; }
    /// It was connected to: whoever has started us has made us a user already, and is no more to be had.
    bool is_apart() const { return is_apart_; }
    /// Readable when the helper has ended.
    int channel() const { return channel_.get(); }

    result<helper::refusal_of_nft> write_guard(const firewall::nft_order& order) const;
    result<void> keep_guard(const firewall::rules& rules) const;
    result<void> restore_guard() const;
    /// True: there was a table.
    result<bool> remove_guard() const;
    result<bool> find_translation() const;
    result<helper::configuration_texts> read_configuration() const;
    /// The configuration that was read last is in use now.
    void take_up() const;
    result<std::vector<address>> look_up(const std::string& host) const;

    /// As socket(2), of AF_INET and AF_INET6, and with its errno.
    descriptor open_socket(int family, int type, int protocol) const;

    /// Does not wait. The stream is readable when the program has ended, or could not be run: end_of() tells.
    /// To shut the stream down for writing kills the program with all that it has started; so does its end.
    result<descriptor> run_program(helper::program which, std::vector<std::string> command,
                                   std::vector<std::string> facts) const;
    static result<helper::program_end> end_of(int stream);

    /// From now on the helper opens the packet sockets that the server's seccomp filter reports
    /// (packet_sockets.hpp). The listener is the server's no more.
    bool opens_packet_sockets_for(descriptor listener) const;

private:
    helper_process(pid_t pid, descriptor channel, bool is_apart)
        : pid_(pid), channel_(std::move(channel)), is_apart_(is_apart) {}
    result<descriptor> begin(const helper::request& r) const;
    result<key::secret_text> ask(const helper::request& r, std::size_t most) const;

    pid_t pid_;
    descriptor channel_;
    bool is_apart_;
};

} // namespace chronoknock::io
