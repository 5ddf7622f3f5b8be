#include "io/helper/carry_out.hpp"

#include "base/each_of.hpp"
#include "base/writer.hpp"
#include "helper/answers.hpp"
#include "helper/fields.hpp"
#include "io/config_texts.hpp"
#include "io/firewall/connections.hpp"
#include "io/firewall/last_guard.hpp"
#include "io/firewall/nft_run.hpp"
#include "io/helper/frames.hpp"
#include "io/system/child.hpp"
#include "io/system/clock.hpp"
#include "io/system/landlock.hpp"
#include "io/system/lookup_calls.hpp"
#include "io/system/privileges.hpp"
#include "io/time/lookup.hpp"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace chronoknock::io {

namespace {

using namespace std::chrono_literals;
using key::secret_text;

constexpr nanoseconds patience = 10s; // for a request that was announced
constexpr nanoseconds grace = 5s;     // for the server to end a program by its time limit
constexpr std::size_t most_program = helper::most_words * (helper::most_word + 8);

secret_text answer_to(const result<void>& done) {
    return done ? helper::encode_done() : helper::encode_error(done.error().text);
}

template <class T>
secret_text answer_to(const result<T>& done) {
    return done ? helper::encode(*done) : helper::encode_error(done.error().text);
}

secret_text read_all(const helper_site& site, int found) {
    const auto read = read_config_texts(site.config, site.allow_loose_permissions);
    // Told before the answer: what the server asks for then is known.
    auto told = read.programs;
    if (read.is_whole) told.insert(told.begin(), named_program()); // those of an earlier one go
    for (const auto& p : told) {
        writer w;
        w.u8(static_cast<std::uint8_t>(p.which));
        w.u64(static_cast<std::uint64_t>(p.time_limit.count()));
        helper::put_all(w, p.command, [](writer& to, const std::string& word) { helper::put(to, word); });
        (void)::send(found, w.text().data(), w.text().size(), MSG_NOSIGNAL);
    }
    return helper::encode(read.texts);
}

/// Strangers' answers are read: without capabilities, nothing can be written or run, and little be read.
secret_text look_up(const std::string& host) {
    if (const auto dropped = drop_all_capabilities(); !dropped) return answer_to(dropped);
    const open_paths names{{"/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/resolv.conf", "/etc/hosts",
                            "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services",
                            "/etc/protocols", "/run/systemd/resolve", "/run/resolvconf",
                            "/run/NetworkManager", "/dev/urandom", "/proc/sys/net"},
                           {}};
    (void)restrict_files(names).has_value(); // a kernel without Landlock does not
    (void)restrict_to_lookups().has_value();
    return answer_to(addresses_of(host));
}

/// Ends it when the server says so, or is gone; or by itself, if the server has not by the deadline.
void wait_for(const child& c, int stream, instant deadline) {
    for (;;) {
        pollfd both[] = {{c.handle(), POLLIN, 0}, {stream, POLLRDHUP, 0}};
        const auto left = std::chrono::ceil<milliseconds>(deadline - boot_now()).count();
        const auto ready = ::poll(both, 2, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
        if (ready < 0 && errno == EINTR) continue;
        if (ready > 0 && both[0].revents != 0) return; // take_status() waits
        if (ready != 0 || left <= 0) return c.kill();
    }
}

/// The number first; the socket follows where there is one.
void give_socket(int stream, const helper::open_socket& asked) {
    using kind = helper::open_socket::kind;
    const bool sends = asked.wanted == kind::sender;
    const int type = sends ? SOCK_RAW : asked.wanted == kind::datagram ? SOCK_DGRAM : SOCK_STREAM;
    const descriptor opened(
        ::socket(asked.family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, sends ? IPPROTO_RAW : 0));
    const auto answer = helper::encode_number(opened ? 0 : static_cast<std::uint32_t>(errno));
    if (send_frame(stream, {answer.data(), answer.size()}) && opened)
        (void)send_descriptor(stream, socket_mark, opened.get());
}

helper::program_end run(const helper::run_program& asked, const known_programs& programs, int stream) {
    using manner = helper::program_end::manner;
    const auto named = std::ranges::find_if(programs, [&](const named_program& p) {
        return p.which == asked.which && p.command == asked.command;
    });
    if (named == programs.end())
        return {manner::not_run, 0, "it is not the program that the configuration names"};
    auto variables = asked.facts;
    variables.push_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    const auto deadline = boot_now() + named->time_limit + grace;
    const auto rights =
        asked.which == helper::program::event ? program_rights::none : program_rights::network;
    auto started = start_program(asked.command, variables, rights);
    if (!started) return {manner::not_run, 0, started.error().text};
    wait_for(*started, stream, deadline);
    const auto status = started->take_status();
    if (!status) return {manner::not_run, 0, status.error().text};
    if (WIFSIGNALED(*status))
        return {manner::signalled, static_cast<std::uint32_t>(WTERMSIG(*status)), started->first_line()};
    return {manner::exited, static_cast<std::uint32_t>(WEXITSTATUS(*status)), started->first_line()};
}

} // namespace

void carry_out_request(int stream, std::uint8_t kind, const helper_site& site, const known_programs& programs,
                       int found) {
    const auto bytes = receive_frame(stream, helper::limits[kind].bytes, patience);
    if (!bytes) return;
    const auto asked = helper::decode(bytes_of({bytes->data(), bytes->size()}));
    const auto refuse = [&](const std::string& why) { (void)send_frame(stream, helper::encode_error(why)); };
    if (!asked) return refuse(asked.error().text);
    if (asked->index() != kind) return refuse("helper: expected the request that was announced");

    if (const auto* const wanted = std::get_if<helper::open_socket>(&*asked))
        return give_socket(stream, *wanted);
    const auto guard = last_guard_path(site.state);
    const auto answer = std::visit(
        each_of{
            [](const helper::write_guard& r) { return answer_to(run_order(r.order)); },
            [&](const helper::keep_guard& r) { return answer_to(keep_last_guard(site.state, r.rules)); },
            [&](const helper::restore_guard&) { return answer_to(load_last_guard(guard)); },
            [&](const helper::remove_guard&) {
                const auto removed = io::remove_guard(site.state);
                return removed ? helper::encode_done(*removed) : helper::encode_error(removed.error().text);
            },
            [](const helper::find_translation&) {
                return helper::encode_done(legacy_translates().value_or(may_translate));
            },
            [&](const helper::read_configuration&) { return read_all(site, found); },
            [](const helper::look_up& r) { return look_up(r.host); },
            [&](const helper::run_program& r) { return helper::encode(run(r, programs, stream)); },
            [](const helper::take_up&) { return helper::encode_done(); },     // not for a child
            [](const helper::open_socket&) { return helper::encode_done(); }, // above
        },
        *asked);
    (void)send_frame(stream, {answer.data(), answer.size()});
}

std::optional<named_program> next_found(int found) {
    std::string bytes(most_program, '\0');
    const auto n = ::recv(found, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n <= 0) return {};
    reader r(bytes_of(std::string_view(bytes).substr(0, static_cast<std::size_t>(n))));
    named_program p;
    p.which = static_cast<helper::program>(r.u8());
    p.time_limit = nanoseconds(static_cast<std::int64_t>(r.u64()));
    p.command = helper::take_all(r, helper::most_words,
                                 [](reader& from) { return helper::take_text(from, helper::most_word); });
    if (!r) return {};
    return p;
}

} // namespace chronoknock::io
