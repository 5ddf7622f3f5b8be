#include "knock/noise.hpp"

#include <algorithm>

namespace chronoknock::knock {

std::optional<noise::line> noise::refused(const address& who, const std::string& what, instant now) {
    const auto known = std::ranges::find(entries_, who, [](const entry& e) { return e.waiting.who; });
    if (known != entries_.end()) {
        known->waiting.what = what;
        ++known->waiting.count;
        return std::nullopt;
    }
    if (entries_.size() == most_) entries_.erase(entries_.begin());
    entries_.push_back({{who, what, 0}, now});
    return line{who, what, 1};
}

std::vector<noise::line> noise::due(instant now) {
    std::vector<line> lines;
    const auto end = std::ranges::find_if(entries_, [&](const entry& e) { return e.told + quiet > now; });
    std::vector<entry> told_again;
    for (auto it = entries_.begin(); it != end; ++it)
        if (it->waiting.count != 0) {
            lines.push_back(it->waiting);
            told_again.push_back({{it->waiting.who, it->waiting.what, 0}, now});
        }
    entries_.erase(entries_.begin(), end);
    entries_.insert(entries_.end(), told_again.begin(), told_again.end());
    return lines;
}

instant noise::next() const { return entries_.empty() ? instant::max() : entries_.front().told + quiet; }

} // namespace chronoknock::knock
