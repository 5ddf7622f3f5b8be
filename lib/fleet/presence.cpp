#include "fleet/presence.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::fleet {

transaction presence::request(host_record h, std::int64_t lease) {
    h.is_doubled = is_doubled_;
    const auto name = seal_->name_of_host(h.name);
    const put all{name, seal_->close(h), lease};
    transaction t;
    if (revision_ != 0) {
        t.compares = {{name, compare::field::mod_revision, revision_}};
        t.otherwise = {range{name}, all};
    }
    t.then = {all};
    if (sent_.size() == most_sent) sent_.pop_front();
    sent_.push_back(std::move(h));
    return t;
}

/// A cluster that was put back has an old one of this host's.
bool presence::is_anothers(const entry& found) const {
    const auto h = seal_->open_host(found.name, found.value);
    return h && h->seen > seen_ && std::ranges::find(sent_, *h) == sent_.end();
}

bool presence::answered(const transaction_answer& a) {
    const bool was = is_doubled_;
    is_doubled_ = !a.succeeded && a.ranges.size() == 1 && !a.ranges.front().entries.empty() &&
                  is_anothers(a.ranges.front().entries.front());
    revision_ = a.head.revision;
    if (!sent_.empty()) seen_ = sent_.back().seen;
    sent_.clear();
    return is_doubled_ && !was;
}

} // namespace chronoknock::fleet
