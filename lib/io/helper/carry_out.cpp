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
#include "io/system/privileges.hpp"
#include "io/time/lookup.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace chronoknock::io {

namespace {

using namespace std::chrono_literals;
using key::secret_text;

constexpr nanoseconds patience = 10s; // for a request that was announced
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
    if (!read.program.empty()) {
        writer w;
        helper::put_all(w, read.program, [](writer& to, const std::string& word) { helper::put(to, word); });
        (void)::send(found, w.text().data(), w.text().size(), MSG_NOSIGNAL);
    }
    return helper::encode(read.texts);
}

/// Ends it when the server says so, or is gone.
void wait_for(const child& c, int stream) {
    for (;;) {
        pollfd both[] = {{c.handle(), POLLIN, 0}, {stream, POLLRDHUP, 0}};
        if (::poll(both, 2, -1) < 0 && errno != EINTR) return c.kill();
        if (both[1].revents != 0) c.kill();
        if (both[0].revents != 0 || both[1].revents != 0) return; // take_status() waits
    }
}

helper::program_end run(const helper::run_program& asked, const known_programs& programs, int stream) {
    using manner = helper::program_end::manner;
    if (std::ranges::find(programs, asked.command) == programs.end())
        return {manner::not_run, 0, "it is not the program that the configuration names"};
    auto variables = asked.facts;
    variables.push_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    auto started = start_unprivileged(asked.command, variables);
    if (!started) return {manner::not_run, 0, started.error().text};
    wait_for(*started, stream);
    const auto status = started->take_status();
    if (!status) return {manner::not_run, 0, status.error().text};
    if (WIFSIGNALED(*status))
        return {manner::signalled, static_cast<std::uint32_t>(WTERMSIG(*status)), started->first_line()};
    return {manner::exited, static_cast<std::uint32_t>(WEXITSTATUS(*status)), started->first_line()};
}

} // namespace

void carry_out_request(int stream, std::uint8_t kind, const helper_site& site, const known_programs& programs,
                       int found) {
    const auto bytes = receive_frame(stream, helper::most_request, patience);
    if (!bytes) return;
    const auto asked = helper::decode(bytes_of({bytes->data(), bytes->size()}));
    const auto refuse = [&](const std::string& why) { (void)send_frame(stream, helper::encode_error(why)); };
    if (!asked) return refuse(asked.error().text);
    if (asked->index() != kind) return refuse("helper: expected the request that was announced");

    const auto guard = last_guard_path(site.state);
    const auto answer = std::visit(
        each_of{
            [](const helper::write_guard& r) { return answer_to(run_order(r.order)); },
            [&](const helper::keep_guard& r) { return answer_to(keep_last_guard(site.state, r.rules)); },
            [&](const helper::restore_guard&) { return answer_to(load_last_guard(guard)); },
            [](const helper::find_translation&) {
                return helper::encode_done(legacy_translates().value_or(false));
            },
            [&](const helper::read_configuration&) { return read_all(site, found); },
            [](const helper::look_up& r) {
                const auto dropped = drop_all_capabilities(); // strangers' answers are read
                return dropped ? answer_to(addresses_of(r.host)) : answer_to(dropped);
            },
            [&](const helper::run_program& r) { return helper::encode(run(r, programs, stream)); },
        },
        *asked);
    (void)send_frame(stream, {answer.data(), answer.size()});
}

std::vector<std::string> known_program(int found) {
    std::string bytes(most_program, '\0');
    const auto n = ::recv(found, bytes.data(), bytes.size(), MSG_DONTWAIT);
    reader r(bytes_of(std::string_view(bytes).substr(0, n > 0 ? static_cast<std::size_t>(n) : 0)));
    auto words = helper::take_all(r, helper::most_words,
                                  [](reader& from) { return helper::take_text(from, helper::most_word); });
    return r ? words : std::vector<std::string>();
}

} // namespace chronoknock::io
