#include "io/notify/notices.hpp"

#include "base/each_of.hpp"
#include "io/helper/helper_process.hpp"
#include "io/log/level_of.hpp"
#include "io/system/clock.hpp"

#include <exception>
#include <sys/socket.h>
#include <utility>
#include <variant>

namespace chronoknock::io {

namespace {

using notify::outcome;

outcome outcome_of(int stream) {
    using manner = helper::program_end::manner;
    const auto end = helper_process::end_of(stream);
    if (!end) return {outcome::kind::not_run, 0, end.error().text};
    const auto number = static_cast<int>(end->number);
    switch (end->how) {
    case manner::exited:
        return {outcome::kind::exited, number, end->text};
    case manner::signalled:
        return {outcome::kind::signalled, number, end->text};
    case manner::not_run:
        break;
    }
    return {outcome::kind::not_run, 0, end->text};
}

} // namespace

notices::notices(boost::asio::io_context& context, config::event_settings s)
    : context_(context), notifier_(std::move(s)) {}

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
                               ::shutdown(found->second->stream.get(), SHUT_WR);
                       },
                       [](const granting::tell& t) { log::write(level_of(t.level), t.line); },
                   },
                   a);
}

void notices::start(const notify::start& s) {
    const auto number = s.run;
    try {
        auto started = runner_ ? runner_(s.command, s.facts) : error{"nobody runs programs here"};
        if (!started) return has_ended(number, {outcome::kind::not_run, 0, started.error().text});
        auto& r = *runs_.emplace(number, std::make_unique<run>(context_, std::move(*started))).first->second;
        r.watched.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                             [this, number](boost::system::error_code stopped) {
                                 if (stopped) return;
                                 const auto ended = runs_.extract(number);
                                 if (!ended.empty())
                                     has_ended(number, outcome_of(ended.mapped()->stream.get()));
                             });
    } catch (const std::exception& e) {
        runs_.erase(number);
        has_ended(number, {outcome::kind::not_run, 0, e.what()});
    }
}

void notices::has_ended(std::uint64_t number, const outcome& o) {
    carry_out(notifier_.ended(number, o, boot_now()));
}

} // namespace chronoknock::io
