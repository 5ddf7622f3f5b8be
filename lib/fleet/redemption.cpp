#include "fleet/redemption.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace chronoknock::fleet {

namespace {

// A client sends its rounds within this, and may send one to each host: no news for the log.
constexpr nanoseconds rounds_take = seconds(1);

bool is_refused_by(const known_top& top, const redemption::order& o) {
    if (!top.has_place || top.place < std::numeric_limits<std::int64_t>::min() + o.slack) return false;
    return o.token.place < top.place - o.slack;
}

} // namespace

redemption::redemption(const seal& s, order o, known_top top)
    : seal_(&s), order_(std::move(o)), token_name_(s.name_of(order_.token)),
      top_name_(s.name_of_top(order_.token.key)), top_(top) {
    // The transaction compares revisions, not places: what a known place refuses must not pass by its
    // revision. The answer says what stands there, and that judges.
    if (is_refused_by(top_, order_)) top_ = {};
}

transaction redemption::request(const leases& l) const {
    transaction t;
    t.compares = {{token_name_, compare::field::create_revision, 0},
                  {top_name_, compare::field::mod_revision, top_.revision}};
    const auto& b = order_.token;
    t.then.push_back(put{token_name_, seal_->close(burnt_record{b, order_.host, order_.attempt}), l.burnt});
    if (raises()) {
        t.then.push_back(put{top_name_, seal_->close(top_record{b.key, b.place})});
        // What the new place refuses by itself need not be remembered.
        if (b.place >= std::numeric_limits<std::int64_t>::min() + order_.slack)
            t.then.push_back(
                erase{seal_->first_burnt(b.key), seal_->first_burnt_of(b.key, b.place - order_.slack)});
    }
    for (const auto& g : order_.grants)
        t.then.push_back(put{seal_->name_of_grant(g.key, g.who, g.service), seal_->close(g), l.grants});
    for (const auto& name : order_.closes) t.then.push_back(erase{name});
    t.otherwise = {range{token_name_}, range{top_name_}};
    return t;
}

redemption::step redemption::end(granting::shared_outcome::kind is, std::string why) {
    outcome_ = {is, std::move(why)};
    return step::over;
}

redemption::step redemption::answered(const transaction_answer& a, unix_time now) {
    using kind = granting::shared_outcome::kind;
    if (a.succeeded) {
        revision_ = a.head.revision;
        if (raises()) top_ = {a.head.revision, true, order_.token.place};
        return end(kind::burnt);
    }
    if (a.ranges.size() != 2) return end(kind::failed, "the answer is not what etcd is known to give");
    const auto& found = a.ranges[0].entries;
    if (!found.empty()) {
        const auto b = seal_->open_burnt(found.front().name, found.front().value);
        if (!b) {
            met_forged_ =
                true; // no host of the fleet wrote it; who did can keep knocks out by it, and no more
            return end(kind::refused, "something that is not the fleet's stands in its place in etcd");
        }
        if (b->host == order_.host && b->attempt == order_.attempt) {
            revision_ = found.front().revision;
            return end(kind::burnt);
        }
        if (std::chrono::abs(now - b->token.accepted) < rounds_take) return end(kind::repeated);
        return end(kind::refused, b->host == order_.host
                                      ? "a replay"
                                      : "a replay: " + b->host + ", of the fleet, has taken it");
    }
    const auto& top = a.ranges[1].entries;
    if (top.empty()) {
        top_ = {};
    } else {
        const auto t = seal_->open_top(top.front().name, top.front().value);
        met_forged_ |= !t;
        // One that is forged counts as not there, and is written over.
        top_ = {top.front().revision, t.has_value(), t ? t->place : 0};
    }
    if (is_refused_by(top_, order_))
        return end(kind::refused, "older than the newest accepted knock of its key in the fleet allows");
    if (++tries_ >= most_tries) return end(kind::failed, "too many knocks of its key at once");
    return step::again;
}

} // namespace chronoknock::fleet
