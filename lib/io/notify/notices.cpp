#include "io/notify/notices.hpp"

#include "base/each_of.hpp"
#include "io/log/level_of.hpp"
#include "io/system/clock.hpp"

#include <exception>
#include <sys/wait.h>
#include <utility>
#include <variant>

namespace chronoknock::io {

namespace {

using notify::outcome;

outcome outcome_of(child& c) {
    const auto status = c.take_status();
    if (!status) return {outcome::kind::not_run, 0, status.error().text};
    if (WIFSIGNALED(*status)) return {outcome::kind::signalled, WTERMSIG(*status), c.first_line()};
    return {outcome::kind::exited, WEXITSTATUS(*status), c.first_line()};
}

} // namespace

notices::notices(boost::asio::io_context& context, config::event_settings s)
    : context_(context), notifier_(std::move(s)), beside_(context) {}

notices::~notices() = default;

void notices::happened(const granting::history_entry& e) {
    if (const auto n = notify::notice_of(e)) carry_out(notifier_.happened(*n, boot_now()));
}

void notices::carry_out(notify::actions todo) {
    for (const auto& a : todo)
        std::visit(each_of{
                       [this](const notify::start& s) { start(s); },
                       [this](const notify::kill& k) {
                           if (const auto found = runs_.find(k.run); found != runs_.end())
                               found->second->program.kill();
                           else if (const auto early = starting_.find(k.run); early != starting_.end())
                               early->second = true;
                       },
                       [](const granting::tell& t) { log::write(level_of(t.level), t.line); },
                   },
                   a);
}

void notices::start(const notify::start& s) {
    auto variables = s.facts;
    variables.push_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    try {
        starting_.emplace(s.run, false);
        beside_.run([command = s.command,
                     variables = std::move(variables)] {
                         return start_program(command, variables, program_rights::none);
                     },
                    [this, number = s.run](result<child> started) {
                        if (started) return watch(number, std::move(*started));
                        has_ended(number, {outcome::kind::not_run, 0, started.error().text});
                    });
    } catch (const std::exception& e) {
        has_ended(s.run, {outcome::kind::not_run, 0, e.what()});
    }
}

void notices::watch(std::uint64_t number, child c) {
    try {
        if (starting_.at(number)) c.kill();
        auto& r = *runs_.emplace(number, std::make_unique<run>(context_, std::move(c))).first->second;
        starting_.erase(number);
        r.watched.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                             [this, number](boost::system::error_code stopped) {
                                 if (stopped) return;
                                 const auto ended = runs_.extract(number);
                                 if (!ended.empty()) has_ended(number, outcome_of(ended.mapped()->program));
                             });
    } catch (const std::exception& e) {
        runs_.erase(number);
        has_ended(number, {outcome::kind::not_run, 0, e.what()});
    }
}

void notices::has_ended(std::uint64_t number, const outcome& o) {
    starting_.erase(number);
    carry_out(notifier_.ended(number, o, boot_now()));
}

} // namespace chronoknock::io
