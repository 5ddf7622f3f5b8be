#include "method/static/verifier.hpp"

#include "method/complete.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::fixed {

namespace {

constexpr std::uint32_t slack = 64; // an address is looked at the latest after so many events of it

constexpr std::uint16_t most_numbers = 65535;

std::size_t index_of(packet::kind kind, std::uint16_t port) {
    return (kind == packet::kind::datagram ? 65536u : 0u) + port;
}

method::tracker::settings tracker_settings(const config::knock_settings& k) {
    return {k.tracked, k.memory, slack, k.timeout};
}

} // namespace

result<void> check_ports(const config::server& s, std::span<const std::uint32_t> keys) {
    std::vector<bool> found(2 * 65536);
    for (const auto key : keys)
        for (const auto& one : sequences_of(s.keys[key]))
            for (const auto& shot : one) found[index_of(shot.kind, shot.port)] = true;
    const auto different = std::ranges::count(found, true);
    if (different <= most_numbers) return {};
    return error{"expected at most " + std::to_string(most_numbers) +
                 " different ports in all their sequences, not " + std::to_string(different)};
}

verifier::verifier(const method::verifier_settings& s)
    : server_(s.server), inherits_(number_ports(s)),
      tracker_(inherits_ ? static_cast<const verifier*>(s.before)->tracker_
                         : std::make_shared<method::tracker>(tracker_settings(s.server.knock), s.seed)) {
    for (const auto key : s.keys) {
        const auto& settings = server_.keys[key];
        const auto& sequences = sequences_of(settings);
        for (std::uint32_t i = 0; i < sequences.size(); ++i) {
            candidate c{key, i, settings.mode == config::matching::strict, {}};
            for (const auto& shot : sequences[i])
                c.ports.push_back(number_of_[index_of(shot.kind, shot.port)]);
            candidates_.push_back(std::move(c));
        }
    }
    tried_in_.resize(candidates_.size());
    with_.resize(numbers_ + 1u);
    for (std::uint32_t n = 0; n < candidates_.size(); ++n)
        for (const auto port : candidates_[n].ports)
            if (with_[port].empty() || with_[port].back() != n) with_[port].push_back(n);
    std::vector<port_range> used;
    for (std::uint32_t n = 1; n < with_.size(); ++n)
        if (const auto port = static_cast<std::uint16_t>(n); !with_[n].empty()) used.push_back({port, port});
    every_number_ = port_set(std::move(used));
}

/// True if the tracker of the one before is to be taken over: then a port keeps the number that it has there.
bool verifier::number_ports(const method::verifier_settings& s) {
    const auto* const before = static_cast<const verifier*>(s.before);
    if (before && before->tracker_->made_with() == tracker_settings(s.server.knock)) {
        number_of_ = before->number_of_;
        numbers_ = before->numbers_;
        if (give_numbers(s.keys)) return true;
    }
    number_of_.assign(2 * 65536, 0);
    numbers_ = 0;
    give_numbers(s.keys);
    return false;
}

/// False if there are not enough: those of ports that are in no sequence any more are not given again.
bool verifier::give_numbers(std::span<const std::uint32_t> keys) {
    bool enough = true;
    for (const auto key : keys)
        for (const auto& ports : sequences_of(server_.keys[key]))
            for (const auto& shot : ports) {
                auto& number = number_of_[index_of(shot.kind, shot.port)];
                enough &= number != 0 || numbers_ != most_numbers;
                if (number == 0 && numbers_ != most_numbers) number = ++numbers_;
            }
    return enough;
}

void verifier::take_over(method::verifier& other) {
    auto& before = static_cast<verifier&>(other);
    tracked_ = before.tracked_;
    datagrams_ = before.datagrams_;
    if (!inherits_) return;
    expected_ = before.expected_;
    dirty_ = std::move(before.dirty_);
}

void verifier::observe(const packet::event& e, instant now) {
    if (e.kind == packet::kind::echo) return; // it has no port
    const auto number = number_of_[index_of(e.kind, e.port)];
    if (number == 0 || with_[number].empty()) return;
    auto& next = expected_.next(*tracker_, now, [this](const auto& a, instant then) { take(a, then); });
    tracker_->expect(e, next);
    next.port = number;
    if (e.kind == packet::kind::datagram) next.id = ++datagrams_;
}

void verifier::take_expected() {
    expected_.take_all(*tracker_, [this](const auto& a, instant now) { take(a, now); });
}

void verifier::take(const method::tracker::arrival& a, instant now) {
    ++tracked_;
    const auto s = tracker_->observe(a, now);
    if (!(tracker_->waits(s) & method::tracker::soon)) {
        dirty_.push_back(s);
        tracker_->begin_wait(s, method::tracker::soon);
    }
    if (tracker_->fresh(s) == slack) look(s, now);
}

std::vector<granting::claim> verifier::end_batch(instant now) {
    take_expected();
    for (const auto s : dirty_) {
        tracker_->end_wait(s, method::tracker::soon);
        look(s, now);
    }
    dirty_.clear();
    return std::exchange(found_, {});
}

void verifier::look(method::tracker::slot s, instant now) {
    const auto syns = tracker_->recall(s);
    const auto fresh = std::min<std::size_t>(tracker_->fresh(s), syns.size());
    if (fresh == 0) return;
    ++looks_;
    const method::remembered r{syns, static_cast<std::uint32_t>(fresh), tracker_->memory(),
                               tracker_->timeout_ticks()};
    const auto who = tracker_->who(s);
    std::vector<std::uint16_t> used; // of few knocks
    const auto found_before = found_.size();
    for (const auto& syn : syns.last(fresh))
        for (const auto n : with_[syn.port]) {
            if (std::exchange(tried_in_[n], looks_) == looks_) continue;
            const auto& c = candidates_[n];
            if (c.ports.size() > syns.size()) continue;
            const auto complete = c.strict ? method::complete_strict(r, c.ports, every_number_)
                                           : method::complete_set(r, c.ports);
            if (!complete) continue;
            used.insert(used.end(), c.ports.begin(), c.ports.end());
            found_.push_back(claim_of(c, who, now - tracker_->age(syns[complete->first], now)));
        }
    tracker_->mark_looked_at(s);
    if (found_.size() != found_before)
        tracker_->forget(s, [&](std::uint16_t port) { return std::ranges::find(used, port) != used.end(); });
}

granting::claim verifier::claim_of(const candidate& c, const address& who, instant first) const {
    const auto& k = *server_.keys[c.key].key;
    granting::claim claim;
    claim.key = c.key;
    claim.source = claim.beneficiary = who;
    for (const auto service : server_.keys[c.key].services)
        claim.services.push_back(static_cast<std::uint32_t>(service));
    claim.once.key = k.fingerprint();
    claim.once.reusable = k.never_changes();
    if (k.numbered()) {
        claim.once.identity = std::to_string(c.index);
        claim.once.place = c.index;
        claim.once.ahead = look_ahead;
        // The order is all that refuses a sequence that was used: without the record of it none is taken.
        const auto issued = static_cast<const credential&>(k).issued();
        claim.once.unrecorded = granting::token::period{unix_time{seconds(issued)}, unix_time::max()};
        claim.description = "sequence " + std::to_string(c.index + 1);
    } else {
        claim.once.identity = who.to_string();
        claim.description = "sequence";
    }
    claim.first = first;
    return claim;
}

std::vector<std::pair<std::string_view, std::uint64_t>> verifier::count() const {
    return {{"tracked", tracked_}, {"tracker_bytes", tracker_->bytes()}};
}

} // namespace chronoknock::fixed
