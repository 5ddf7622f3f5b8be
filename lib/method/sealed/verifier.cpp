#include "method/sealed/verifier.hpp"

#include "base/text.hpp"
#include "key/deriver.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace chronoknock::sealed {

namespace {

constexpr std::uint32_t slack = 64; // an address is looked at the latest after so many SYNs of it

// Decryptions a second, each of 1.2 us and what is around it. Half of a ration is for the keys' parts, and
// the other half for whoever comes: so twenty keys whose tags were overheard take nothing of the others'
// parts, and one alone can have nearly all.
constexpr double for_wholes = 100'000;
constexpr double for_syns = 80'000;
constexpr double part_of_key = 1.0 / 50;
constexpr double burst_seconds = 0.1;
constexpr std::uint32_t most_trials = 64; // for one address at a time
constexpr std::size_t most_waiting = 1024;

// An address is searched for a knock in noise once in so long: that is more than a round of a knock takes,
// and all trials then are no more than a key's part in the ration.
constexpr nanoseconds settle = milliseconds(40);
constexpr std::uint8_t is_disturbed = static_cast<std::uint8_t>(method::tracker::soon << 2);
constexpr std::uint8_t in_lane = static_cast<std::uint8_t>(method::tracker::soon << 1);
constexpr std::size_t most_queued = 1024; // whole messages
constexpr std::size_t most_queued_of_key = 64;
constexpr std::size_t remembered = std::size_t{1} << 13; // messages, as forged, and as opened

method::tracker::settings tracker_settings(const config::server& s, const tags& t) {
    if (t.layouts().empty()) return {};
    return {s.knock.tracked, s.knock.memory, slack, s.knock.timeout};
}

/// With all of them full, and those of a leader, half of the addresses can still be replaced.
std::size_t most_waiting_of(const config::server& s) {
    return std::min<std::size_t>(most_waiting, s.knock.tracked / 16);
}

method::lane make_lane(const config::server& s) {
    return method::lane(for_syns, for_syns * burst_seconds, most_waiting_of(s));
}

constexpr method::ration full_ration(for_wholes, for_wholes* burst_seconds);

} // namespace

result<void> check_memory(const config::server& s, std::span<const std::uint32_t> keys) {
    for (const auto key : keys)
        if (const auto& k = s.keys[key]; k.key->least_memory() > s.knock.memory)
            return error{"expected [knock] memory of at least " + std::to_string(k.key->least_memory()) +
                         ", the SYNs of a knock of [key." + k.name + "]"};
    return {};
}

/// That of the one before, whatever it follows, or a new one.
std::shared_ptr<method::tracker> verifier::tracker_for(const method::verifier_settings& s, const tags& t) {
    const auto wanted = tracker_settings(s.server, t);
    if (s.before)
        if (const auto& old = static_cast<const verifier*>(s.before)->tracker_; old->made_with() == wanted)
            return old;
    const bool follows = s.addresses && s.addresses->made_with().addresses == wanted.addresses;
    return std::make_shared<method::tracker>(wanted, s.seed, follows ? s.addresses : nullptr);
}

verifier::verifier(const method::verifier_settings& s)
    : server_(s.server), seed_(s.seed), known_(s.known), tags_(s.server, s.keys, s.seed),
      tracker_(tracker_for(s, tags_)),
      inherits_(s.before && static_cast<const verifier*>(s.before)->tracker_ == tracker_),
      lanes_{make_lane(s.server), make_lane(s.server)}, wholes_{full_ration, full_ration},
      queues_{message_queue(most_queued, most_queued_of_key), message_queue(most_queued, most_queued_of_key)},
      disturbed_{boost::circular_buffer<disturbed>(most_waiting_of(s.server)),
                 boost::circular_buffer<disturbed>(most_waiting_of(s.server))},
      forged_(remembered), opened_(remembered) {
    for (const auto& l : tags_.layouts()) {
        for (std::uint32_t port = l.as.range().first; port <= l.as.range().last; ++port) syn_ports_.set(port);
        least_syns_ = std::min(least_syns_, static_cast<std::uint32_t>(l.as.digits()));
    }
    for (const auto& h : tags_.all_held()) {
        constexpr part of_whole{for_wholes * part_of_key * burst_seconds};
        constexpr part of_syn{for_syns * part_of_key * burst_seconds};
        held_rest rest{{{{of_whole, of_whole}, {of_syn, of_syn}}}, {of_whole, of_whole}, {}};
        for (const auto service : server_.keys[h.key].services)
            rest.services.emplace_back(mark_of(server_.services[service].name),
                                       static_cast<std::uint32_t>(service));
        echoes_ |= h.of->uses(key::carrier::icmp);
        if (h.of->uses(key::carrier::dns))
            rest.zone = zones_.try_emplace(h.of->settings().zone, static_cast<std::uint32_t>(zones_.size()))
                            .first->second;
        rests_.push_back(std::move(rest));
    }
}

void verifier::take_over(method::verifier& other) {
    auto& before = static_cast<verifier&>(other);
    tracked_ = before.tracked_;
    decryptions_ = before.decryptions_;
    postponed_ = before.postponed_;
    turned_away_ = before.turned_away_;
    if (!inherits_) return before.retire();
    expected_ = before.expected_;
    dirty_ = std::move(before.dirty_);
    lanes_ = std::move(before.lanes_);
    disturbed_ = std::move(before.disturbed_);
    refilled_ = before.refilled_;
}

void verifier::observe(const packet::event& e, instant now) {
    const bool fits = e.payload.size() == message_size;
    const auto take_payload = [&](key::carrier c) {
        message m;
        std::memcpy(m.data(), e.payload.data(), m.size());
        take(m, e, c, tags::none, now);
    };
    switch (e.kind) {
    case packet::kind::syn:
        if (syn_ports_[e.port])
            tracker_->expect(e, expected_.next(*tracker_, now,
                                               [this](const auto& a, instant then) { take_syn(a, then); }));
        return;
    case packet::kind::datagram:
        if (fits) take_payload(key::carrier::udp);
        if (!e.asked_name.empty() && !zones_.empty()) observe_name(e, now);
        return;
    case packet::kind::echo:
        if (fits && echoes_) take_payload(key::carrier::icmp);
        return;
    }
}

void verifier::observe_name(const packet::event& e, instant now) {
    const auto said = from_name(e.asked_name);
    if (!said) return;
    if (const auto zone = zones_.find(said->zone); zone != zones_.end())
        take(said->m, e, key::carrier::dns, zone->second, now);
}

bool verifier::may_carry(const tags::held_key& k, const packet::event& e, key::carrier c,
                         std::uint32_t zone) const {
    if (!k.of->uses(c)) return false;
    if (c == key::carrier::dns)
        return rests_[static_cast<std::size_t>(&k - tags_.all_held().data())].zone == zone;
    return c != key::carrier::udp || k.of->psk().ports.contains(e.port);
}

/// A message that came in one packet; for a stranger's it ends at the table.
void verifier::take(const message& m, const packet::event& e, key::carrier c, std::uint32_t zone,
                    instant now) {
    auto n = tags_.first_with(tag_of(m));
    if (n == tags::none) return;
    const auto t = turn_of(e.source);
    for (; n != tags::none; n = tags_.at(n).next) {
        const auto& window = tags_.at(n);
        if (!may_carry(tags_.held(window.held), e, c, zone)) continue;
        const arrival a{e.source, c, now};
        const auto h = hash(m, window.held);
        const bool waits = queues_[t].of_key(window.held) > 0; // then others were here first
        const auto done = waits ? outcome::rationed : open(window, m, h, whole, t, a, now);
        if (done == outcome::opened) return;
        if (done == outcome::rationed) hold({m, window, a, h, hash(e.source, window.held)}, t);
    }
}

void verifier::hold(const message_queue::entry& e, turn t) {
    if (forged_[e.hash % forged_.size()] == e.hash) return;
    // What was opened before is not worth a place: a replay, or a later round of what opened.
    if (opened_[e.hash % opened_.size()] == e.hash || !queues_[t].push(e)) ++turned_away_;
}

void verifier::serve_queue(turn t, instant now) {
    queues_[t].serve([&](const message_queue::entry& e) {
        return open(e.window, e.m, e.hash, whole, t, e.how, now) != outcome::rationed;
    });
}

void verifier::take_expected() {
    expected_.take_all(*tracker_, [this](const auto& a, instant now) { take_syn(a, now); });
}

void verifier::take_syn(const method::tracker::arrival& a, instant now) {
    ++tracked_;
    const auto s = tracker_->observe(a, now);
    if (tracker_->count(s) < least_syns_) return;
    if (!(tracker_->waits(s) & method::tracker::soon)) {
        dirty_.push_back(s);
        tracker_->begin_wait(s, method::tracker::soon);
    }
    if (tracker_->fresh(s) == slack) look(s, now);
}

std::vector<granting::claim> verifier::end_batch(instant now) {
    take_expected();
    for (auto& l : lanes_) l.refill(now - refilled_);
    for (auto& r : wholes_) r.refill(now - refilled_);
    refilled_ = now;
    for (const auto t : {known, stranger}) serve_queue(t, now);
    for (const auto t : {known, stranger})
        for (auto& waiting = lanes_[t].waiting(); !waiting.empty() && lanes_[t].has_ration();
             waiting.pop_front()) {
            if (!search(waiting.front(), t, digit_search::depth::newest, now)) break;
            tracker_->end_wait(waiting.front(), in_lane);
        }
    for (const auto t : {known, stranger}) look_deeper(t, now);
    for (const auto s : dirty_) {
        tracker_->end_wait(s, method::tracker::soon);
        look(s, now);
    }
    dirty_.clear();
    return std::exchange(found_, {});
}

void verifier::look(method::tracker::slot s, instant now) {
    if (tracker_->waits(s) & in_lane) return;
    const auto t = turn_of(tracker_->who(s));
    auto& lane = lanes_[t];
    if (lane.is_free() && search(s, t, digit_search::depth::newest, now)) return;
    if (lane.waiting().full()) {
        ++turned_away_; // looked at again when his next SYN comes
        return;
    }
    ++postponed_;
    tracker_->begin_wait(s, in_lane);
    lane.waiting().push_back(s);
}

void verifier::look_deeper(turn t, instant now) {
    auto& queue = disturbed_[t];
    for (; !queue.empty() && queue.front().due <= now && lanes_[t].has_ration(); queue.pop_front()) {
        const auto s = queue.front().slot;
        if (!search(s, t, digit_search::depth::older, now)) return;
        tracker_->end_wait(s, is_disturbed);
    }
}

/// False if the ration ended before all was tried.
bool verifier::search(method::tracker::slot s, turn t, digit_search::depth d, instant now) {
    const bool deep = d == digit_search::depth::older;
    if (tracker_->count(s) < least_syns_ || (tracker_->fresh(s) == 0 && !deep)) return true;
    const auto syns = tracker_->recall(s);
    const auto who = tracker_->who(s);
    std::vector<port_range> used;
    bool left_some = false;
    bool complete = true;
    trials_ = 0;
    for (std::uint32_t i = 0; i < tags_.layouts().size(); ++i) {
        const auto& l = tags_.layouts()[i];
        if (deep && l.as.order == order::sequential) continue; // one has no choice
        const auto done =
            digits_(l.as, l.tags, syns, tracker_->fresh(s), d, [&](const message& m, std::size_t first) {
                return try_message(m, i, t,
                                   {who, key::carrier::ports, now - tracker_->age(syns[first], now)});
            });
        if (done == digit_search::verdict::enough && trials_ < most_trials) {
            if (!lanes_[t].has_ration()) {
                complete = false;
                break;
            }
            ++turned_away_; // the key's part is used up
        }
        left_some |= done == digit_search::verdict::sealed_by_none && digits_.left_some();
        if (done != digit_search::verdict::opened) continue;
        used.push_back(l.as.range());
    }
    if (complete) tracker_->mark_looked_at(s);
    // A knock's SYNs are used up by it: what completes it again is a later round, or a replay.
    if (!used.empty())
        tracker_->forget(s, [&](std::uint16_t port) {
            return std::ranges::any_of(
                used, [port](const port_range& r) { return r.first <= port && port <= r.last; });
        });
    if (!complete) return false;
    if (!left_some || (tracker_->waits(s) & is_disturbed)) return true;
    if (disturbed_[t].full()) {
        ++turned_away_;
        return true;
    }
    tracker_->begin_wait(s, is_disturbed);
    disturbed_[t].push_back({s, now + settle});
    return true;
}

digit_search::verdict verifier::try_message(const message& m, std::uint32_t layout, turn t,
                                            const arrival& a) {
    for (auto n = tags_.first_with(tag_of(m)); n != tags::none; n = tags_.at(n).next) {
        const auto& window = tags_.at(n);
        if (tags_.held(window.held).layout != layout) continue;
        const auto h = hash(m, window.held);
        if (forged_[h % forged_.size()] == h) continue;
        if (trials_ == most_trials) return digit_search::verdict::enough;
        ++trials_;
        switch (open(window, m, h, of_syns, t, a, refilled_)) {
        case outcome::opened:
            return digit_search::verdict::opened;
        case outcome::rationed:
            return digit_search::verdict::enough;
        case outcome::forged:
            break;
        }
    }
    return digit_search::verdict::sealed_by_none;
}

bool verifier::take_ration(std::uint32_t held, form f, turn t, bool again, instant now) {
    auto& all = f == whole ? wholes_[t] : static_cast<method::ration&>(lanes_[t]);
    auto& rest = rests_[held];
    auto& p = again ? rest.repeats[t] : rest.parts[f][t];
    const double per_second = part_of_key * (again || f == whole ? for_wholes : for_syns);
    const std::chrono::duration<double> passed = std::max(now - p.refilled, nanoseconds(0));
    p.left = std::min(per_second * burst_seconds, p.left + passed.count() * per_second);
    p.refilled = std::max(p.refilled, now);
    if (!all.has_ration()) return false;
    if (again || !all.is_over_half()) {
        if (p.left < 1) return false;
        p.left -= 1;
    }
    all.spend(1);
    return true;
}

/// hash: of m and the key.
verifier::outcome verifier::open(const tags::live& window, const message& m, std::uint64_t hash, form f,
                                 turn t, const arrival& a, instant now) {
    auto& forged = forged_[hash % forged_.size()];
    auto& opened = opened_[hash % opened_.size()];
    if (forged == hash) return outcome::forged;
    if (!take_ration(window.held, f, t, opened == hash, now)) return outcome::rationed;
    ++decryptions_;
    const auto r = tags_.held(window.held).sealer.open(m);
    (r ? opened : forged) = hash;
    if (!r) return outcome::forged;
    claim_for(window, *r, m, a);
    return outcome::opened;
}

void verifier::claim_for(const tags::live& window, const request& r, const message& m, const arrival& a) {
    const auto& held = tags_.held(window.held);
    const auto& settings = server_.keys[held.key];
    const std::int64_t g = held.of->granularity();
    // Sealed by the key, and still not made as the protocol has it: the tag is another window's.
    if (key::window_of(r.time, g) != window.t0) return;

    granting::claim c;
    c.key = held.key;
    c.source = a.source;
    // By DNS the source may be a resolver's, which everybody shares.
    const bool paired =
        settings.pair && r.who && r.who->family() != a.source.family() && a.carrier != key::carrier::dns;
    c.beneficiary = paired ? a.source : r.who.value_or(a.source);
    if (paired) c.paired = r.who;
    const bool all = r.service == service_mark{};
    for (const auto& [mark, service] : rests_[window.held].services)
        if (all || mark == r.service) c.services.push_back(service);
    c.what = r.close ? granting::claim::wish::close : granting::claim::wish::open;
    if (r.open_for != 0) c.open_for = seconds(r.open_for);
    const auto siv = siv_of(m);
    c.once.key = settings.key->fingerprint();
    c.once.identity.assign(reinterpret_cast<const char*>(siv.data()), siv.size());
    c.once.place = r.time;
    c.once.slack = g;
    const unix_time begin{seconds(r.time)};
    c.once.good = {{begin, begin + seconds(2 * g)}};
    c.first = a.first;
    c.description = "message of " + utc(r.time) + " by " + std::string(to_string(a.carrier));
    if (c.services.empty())
        c.unfit = "it asks for a service that the key may not open";
    else if (!paired && !settings.for_others && (!r.who || *r.who != a.source))
        c.unfit = r.who ? "it asks for " + r.who->to_string() + ", and for_others is not set"
                        : "it asks for whoever sends it, and for_others is not set";
    found_.push_back(std::move(c));
}

// Keyed, so that nobody can have a message taken for another that was tried.
std::uint64_t verifier::hash(const message& m, std::uint32_t held) const {
    std::uint64_t h = held ^ seed_[2];
    for (std::size_t at = 0; at < m.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, m.data() + at, std::min<std::size_t>(8, m.size() - at));
        h = fold(h ^ word ^ seed_[0], seed_[1] | 1);
    }
    return h ^ seed_[3];
}

std::uint64_t verifier::hash(const address& who, std::uint32_t held) const {
    const auto [high, low] = words(who);
    return fold(fold(high ^ held ^ seed_[0], seed_[1] | 1) ^ low ^ seed_[2], seed_[3] | 1);
}

std::vector<std::pair<std::string_view, std::uint64_t>> verifier::count() const {
    return {{"tracked", tracked_},
            {"decryptions", decryptions_},
            {"postponed", postponed_},
            {"turned_away", turned_away_},
            {"tracker_bytes", tracker_->bytes()},
            {"live_tags", tags_.live_count()}};
}

} // namespace chronoknock::sealed
