#include "grant/noise.hpp"

#include <algorithm>

namespace chronoknock::granting {

std::optional<noise::line> noise::refused(const address& who, const std::string& what, instant now) {
    const auto known = std::ranges::find(entries_, who, [](const entry& e) { return e.waiting.who; });
    if (known == entries_.end() && entries_.size() < most_) {
        entries_.push_back({{who, what, 0}, now});
        return line{who, what, 1};
    }
    if (known == entries_.end() && !others_) others_ = entry{{std::nullopt, what, 0}, now};
    auto& waiting = known == entries_.end() ? others_->waiting : known->waiting;
    waiting.what = what;
    ++waiting.count;
    return std::nullopt;
}

std::vector<noise::line> noise::due(instant now) {
    std::vector<line> lines;
    const auto is_due = [now](const entry& e) { return e.told + quiet <= now; };
    for (auto& e : entries_) {
        if (!is_due(e) || e.waiting.count == 0) continue;
        lines.push_back(e.waiting);
        e.waiting.count = 0;
        e.told = now;
    }
    std::erase_if(entries_, is_due); // nothing more for a minute
    if (others_ && is_due(*others_)) {
        lines.push_back(others_->waiting);
        others_.reset();
    }
    return lines;
}

bool tally::tell(const std::string& what, instant now) {
    return ++entries_.try_emplace(what, entry{now}).first->second.count <= most_;
}

std::vector<tally::line> tally::due(instant now) {
    std::vector<line> lines;
    std::erase_if(entries_, [&](const auto& e) {
        if (e.second.begin + noise::quiet > now) return false;
        if (e.second.count > most_) lines.push_back({e.first, e.second.count - most_});
        return true;
    });
    return lines;
}

} // namespace chronoknock::granting
