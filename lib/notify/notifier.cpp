#include "notify/notifier.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::notify {

namespace {

std::string_view name_of(std::size_t kind) {
    switch (static_cast<config::event_kind>(kind)) {
    case config::event_kind::grant:
        return "grants";
    case config::event_kind::refusal:
        return "refusals";
    case config::event_kind::time:
        return "losses of time";
    }
    return "";
}

} // namespace

bool notifier::wants(config::event_kind k) const {
    return !settings_.command.empty() && std::ranges::find(settings_.on, k) != settings_.on.end();
}

actions notifier::happened(const notice& n, instant now) {
    actions todo;
    if (!wants(n.kind)) return todo;
    auto& l = lanes_[static_cast<std::size_t>(n.kind)];
    if (l.begin + minute <= now || l.runs == 0) {
        l.begin = now;
        l.runs = 0;
    }
    if (l.runs >= settings_.limit || l.waiting.size() >= most_waiting) {
        ++l.left_out;
        ++l.untold;
        if (!l.told) l.told = now; // the line comes a minute later
        return todo;
    }
    ++l.runs;
    l.waiting.push_back(n.facts);
    start_waiting(now, todo);
    return todo;
}

void notifier::start_waiting(instant now, actions& todo) {
    if (settings_.command.empty()) {
        for (auto& l : lanes_) l.waiting.clear();
        return;
    }
    for (auto& l : lanes_)
        while (!l.waiting.empty() && running_.size() < most_at_once) {
            auto facts = std::move(l.waiting.front());
            l.waiting.pop_front();
            facts.push_back("CHRONOKNOCK_LEFT_OUT=" + std::to_string(std::exchange(l.left_out, 0)));
            running_.emplace(++last_run_, running{now + settings_.time_limit, settings_.time_limit,
                                                  printable(settings_.command.front())});
            todo.push_back(start{last_run_, settings_.command, std::move(facts)});
        }
}

actions notifier::heed_time(bool known, std::string_view reason, instant now) {
    if (!first_heeded_) first_heeded_ = now;
    if (known_.value_or(true) == known) {
        if (known) known_ = true;
        return {};
    }
    // At a start there is none for a moment.
    if (!known_ && now - *first_heeded_ < first_time_within) return {};
    known_ = known;
    return happened(known ? time_returned() : time_lost(reason), now);
}

actions notifier::ended(std::uint64_t run, const outcome& o, instant now) {
    actions todo;
    const auto found = running_.extract(run);
    if (found.empty()) return todo;
    const auto& r = found.mapped();
    const auto begin = "[events] command " + r.program + ": ";
    const auto wrote = o.text.empty() ? "" : ": " + printable(o.text);
    if (o.what == outcome::kind::not_run)
        complain(begin + "cannot be run" + wrote, now, todo);
    else if (r.killed)
        complain(begin + "killed, since it took longer than " + to_string(r.limit) + wrote, now, todo);
    else if (o.what == outcome::kind::signalled)
        complain(begin + "ended by signal " + std::to_string(o.number) + wrote, now, todo);
    else if (o.number != 0)
        complain(begin + "exit status " + std::to_string(o.number) + wrote, now, todo);
    start_waiting(now, todo);
    return todo;
}

/// A line a minute.
void notifier::complain(const std::string& line, instant now, actions& todo) {
    if (complained_ && now - *complained_ < minute) {
        ++more_failures_;
        return;
    }
    complained_ = now;
    todo.push_back(granting::tell{granting::severity::warning, line});
}

actions notifier::due(instant now) {
    actions todo;
    for (auto& [run, r] : running_)
        if (!r.killed && r.deadline <= now) {
            r.killed = true;
            todo.push_back(kill{run});
        }
    if (more_failures_ != 0 && now - *complained_ >= minute) {
        complained_ = now;
        todo.push_back(granting::tell{granting::severity::warning,
                                      "[events] command failed " +
                                          std::to_string(std::exchange(more_failures_, 0)) + " more times"});
    }
    for (std::size_t kind = 0; kind < lanes_.size(); ++kind) {
        auto& l = lanes_[kind];
        if (!l.told || now - *l.told < minute) continue;
        l.told.reset();
        todo.push_back(granting::tell{
            granting::severity::warning,
            "[events] command not run for " + std::to_string(std::exchange(l.untold, 0)) + " " +
                std::string(name_of(kind)) + ": more than limit allows, or all at once"});
    }
    return todo;
}

} // namespace chronoknock::notify
