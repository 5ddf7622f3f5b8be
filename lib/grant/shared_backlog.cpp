#include "grant/shared_backlog.hpp"

#include <algorithm>
#include <iterator>

namespace chronoknock::granting {

void shared_backlog::add(shared_changes c) {
    if (c.whole) {
        opened_.clear();
        whole_ = true;
        whole_was_told_ = false;
    }
    for (auto& g : c.closed) {
        opened_.erase(place_of(g));
        closed_.insert_or_assign(place_of(g), std::move(g));
    }
    // What is closed in the same place was there before, and closes first.
    for (auto& g : c.opened) opened_.insert_or_assign(place_of(g), std::move(g));
    tokens_.insert(tokens_.end(), std::make_move_iterator(c.tokens.begin()),
                   std::make_move_iterator(c.tokens.end()));
    if (opened_.size() <= most_ && tokens_.size() <= most_) return;
    if (c.whole) { // to list it once more would not help: of tokens the fleet remembers the others
        tokens_.resize(std::min(tokens_.size(), most_));
        return;
    }
    opened_.clear();
    tokens_.clear();
    whole_ = false;
    overflowed_ = true;
}

std::vector<shared_grant> shared_backlog::values(grants all) {
    std::vector<shared_grant> list;
    list.reserve(all.size());
    for (auto& [where, g] : all) list.push_back(std::move(g));
    return list;
}

shared_changes shared_backlog::take_closes() {
    shared_changes c;
    c.closed = values(std::exchange(closed_, {}));
    c.whole = whole_ && !std::exchange(whole_was_told_, true);
    if (c.whole) c.opened = values(opened_);
    return c;
}

shared_changes shared_backlog::take() {
    shared_changes c;
    c.opened = values(std::exchange(opened_, {}));
    c.closed = values(std::exchange(closed_, {}));
    c.tokens = std::exchange(tokens_, {});
    c.whole = std::exchange(whole_, false);
    return c;
}

} // namespace chronoknock::granting
