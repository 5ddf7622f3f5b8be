#include "fleet/link.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::fleet {

const char* to_string(link::state s) {
    switch (s) {
    case link::state::starting:
        return "starting";
    case link::state::connected:
        return "connected";
    case link::state::degraded:
        return "degraded";
    case link::state::full:
        return "full";
    case link::state::lost:
        return "lost";
    }
    return "";
}

link::link(std::vector<std::string> endpoints, instant now) : answered_(now) {
    for (auto& name : endpoints) ends_.push_back({std::move(name)});
}

void link::answered(std::size_t which, instant now) {
    ends_[which].problem.clear();
    ends_[which].asked = now;
    answered_ = now;
    if (!ends_[current_].problem.empty()) current_ = which;
    settle(now);
}

void link::refused_write(std::size_t which, const std::string& why, instant now) {
    full_ = why;
    answered(which, now);
}

void link::wrote(instant now) {
    if (full_.empty()) return;
    full_.clear();
    answered_ = now;
    settle(now);
}

void link::failed(std::size_t which, const std::string& why, instant now) {
    ends_[which].problem = why.empty() ? "no answer" : why;
    ends_[which].asked = now;
    if (which == current_) current_ = next();
    settle(now);
}

/// After the current one: the first of which nothing bad is known; where each has failed, simply the next.
std::size_t link::next() const {
    for (std::size_t i = 1; i < ends_.size(); ++i)
        if (const auto which = (current_ + i) % ends_.size(); ends_[which].problem.empty()) return which;
    return (current_ + 1) % ends_.size();
}

std::optional<std::size_t> link::to_probe(instant now) {
    for (std::size_t i = 0; i < ends_.size(); ++i)
        if ((i != current_ || !ends_[i].problem.empty()) && now - ends_[i].asked >= probe_every) {
            ends_[i].asked = now;
            return i;
        }
    return {};
}

std::size_t link::answering() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(ends_, [](const endpoint& e) { return e.problem.empty(); }));
}

std::string link::problem() const {
    auto text = full_;
    for (const auto& e : ends_)
        if (!e.problem.empty()) text += (text.empty() ? "" : "; ") + e.name + ": " + e.problem;
    return text;
}

void link::settle(instant now) {
    const auto was = state_;
    const auto good = answering();
    if (answered_ == now && !full_.empty())
        state_ = state::full;
    else if (answered_ == now)
        state_ = good == ends_.size() ? state::connected : state::degraded;
    else if (now - answered_ >= patience)
        state_ = state::lost;
    else if (state_ == state::connected && good < ends_.size())
        state_ = state::degraded;
    changed_ |= state_ != was;
}

} // namespace chronoknock::fleet
