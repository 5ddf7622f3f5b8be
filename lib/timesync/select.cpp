#include "timesync/select.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace chronoknock::timesync {
namespace {

struct edge {
    nanoseconds at;
    int step; // +1: an interval begins, -1: it ends
};

nanoseconds low_of(const candidate& c) { return c.offset - c.distance; }
nanoseconds high_of(const candidate& c) { return c.offset + c.distance; }

// From the first to the last point covered by at least `cover` intervals, if some interval covers each in
// between.
std::optional<std::pair<nanoseconds, nanoseconds>> covered(std::vector<edge>& edges, int cover) {
    // Where one ends and another begins at the same point, they have that point in common.
    std::sort(edges.begin(), edges.end(),
              [](const edge& a, const edge& b) { return a.at != b.at ? a.at < b.at : a.step > b.step; });
    std::optional<std::pair<nanoseconds, nanoseconds>> found;
    int depth = 0;
    bool gap = false; // since what was found
    for (const auto& e : edges) {
        depth += e.step;
        if (e.step > 0 && depth == cover) {
            if (found && gap) return std::nullopt;
            if (!found) found.emplace(e.at, e.at);
        } else if (e.step < 0 && depth == cover - 1) {
            found->second = e.at;
            gap = false;
        }
        gap = gap || depth == 0;
    }
    return found;
}

// The mean of those whose middle is within, weighted by 1 / distance (RFC 5905, section 11.2.3).
void combine(std::span<const std::optional<candidate>> candidates, selection& s) {
    double weights = 0;
    double sum = 0; // of offsets from s.low: a double holds those exactly enough
    const candidate* best = nullptr;
    std::size_t best_index = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto& c = candidates[i];
        if (!c) continue;
        if (high_of(*c) < s.low || low_of(*c) > s.high) {
            s.marks[i] = mark::falseticker;
            continue;
        }
        ++s.agreeing;
        if (c->offset < s.low || c->offset > s.high) {
            s.marks[i] = mark::outlier;
            continue;
        }
        s.marks[i] = mark::combined;
        const auto weight = 1.0 / static_cast<double>(std::max<std::int64_t>(c->distance.count(), 1));
        weights += weight;
        sum += weight * static_cast<double>((c->offset - s.low).count());
        if (!best || c->distance < best->distance) best = &*c, best_index = i;
    }
    if (best) s.marks[best_index] = mark::system;
    s.offset =
        best ? s.low + nanoseconds(static_cast<std::int64_t>(sum / weights)) : s.low + (s.high - s.low) / 2;
    s.offset = std::clamp(s.offset, s.low, s.high);
}

} // namespace

std::size_t needed(std::size_t voices) { return voices == 0 ? 1 : (voices + 1) / 2; }

selection select(std::span<const std::optional<candidate>> candidates, std::size_t voices) {
    selection s;
    s.marks.resize(candidates.size(), mark::unusable);
    std::vector<edge> edges;
    for (const auto& c : candidates) {
        if (!c) continue;
        edges.push_back({low_of(*c), +1});
        edges.push_back({high_of(*c), -1});
    }
    s.heard = edges.size() / 2;
    const auto liars = needed(voices) - 1;
    if (s.heard <= liars) return s;
    const auto agreement = covered(edges, static_cast<int>(s.heard - liars));
    if (!agreement) {
        for (std::size_t i = 0; i < candidates.size(); ++i)
            if (candidates[i]) s.marks[i] = mark::falseticker;
        return s;
    }
    s.agreed = true;
    std::tie(s.low, s.high) = *agreement;
    combine(candidates, s);
    return s;
}

} // namespace chronoknock::timesync
