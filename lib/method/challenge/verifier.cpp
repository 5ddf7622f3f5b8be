#include "method/challenge/verifier.hpp"

#include "base/text.hpp"
#include "grant/windows.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace chronoknock::challenge {

namespace {

// Between a request's last datagram and the look at it lies a batch: few others come meanwhile.
constexpr std::uint32_t least_ways = 4096;

const time_sequence::sequence_kind& requests() {
    static const time_sequence::sequence_kind kind{packet::kind::datagram, request, &psk_of};
    return kind;
}

/// What tells a key in requests: two keys may have one secret, and another realm.
std::string key_name(const config::key_settings& k) { return k.key->fingerprint() + '\0' + psk_of(k).realm; }

} // namespace

verifier::verifier(const method::verifier_settings& s)
    : server_(s.server), seed_(s.seed), random_(s.random), newest_(s.newest), is_burnt_(s.is_burnt),
      matcher_(s.server, s.keys, s.seed, s.known,
               s.before ? &static_cast<const verifier*>(s.before)->matcher_ : nullptr, requests()),
      conversations_(s.server.knock.memory, s.server.knock.timeout, s.seed), held_(s.server.keys.size(), -1),
      ways_(std::bit_ceil(std::max(least_ways, s.server.knock.tracked))) {
    sealers_.reserve(s.keys.size());
    for (const auto key : s.keys) {
        held_[key] = static_cast<std::int32_t>(sealers_.size());
        sealers_.emplace_back(psk_of(server_.keys[key]));
        key_of_.emplace(key_name(server_.keys[key]), key);
    }
}

void verifier::take_over(method::verifier& other) {
    auto& before = static_cast<verifier&>(other);
    matcher_.take_over(before.matcher_);
    conversations_ = std::move(before.conversations_);
    conversations_.set_bounds(server_.knock.memory, server_.knock.timeout);
    datagrams_ = before.datagrams_;
    challenges_ = before.challenges_;
    unanswered_ = before.unanswered_;
}

bool verifier::advance(instant now, const time_estimate& t, std::size_t work) {
    t_ = t;
    t_at_ = now;
    return matcher_.advance(now, t, work);
}

void verifier::observe(const packet::event& e, instant now) {
    if (e.kind != packet::kind::datagram || !e.payload.empty() || !matcher_.keys().in_any_pool(e.port))
        return;
    auto one = e;
    one.sequence = ++datagrams_;
    way_of(e.source, e.port) = {e.source, e.destination, e.source_port, e.port};
    conversations_.observe(e.source, e.port, now, [this](const conversation& c) { claim(c); });
    matcher_.observe(one, now);
}

std::vector<granting::claim> verifier::end_batch(instant now) {
    for (const auto& m : matcher_.end_batch(now)) answer(m, now);
    return std::exchange(claims_, {});
}

// Keyed, so that nobody can aim at the place of another's.
verifier::way& verifier::way_of(const address& source, std::uint16_t port) {
    const auto [high, low] = words(source);
    const auto h = fold(fold(high ^ seed_[0], low ^ seed_[1] ^ 1) ^ port ^ seed_[2], seed_[3] | 1);
    return ways_[h & (ways_.size() - 1)];
}

request_id verifier::id_of(const time_sequence::match& m) const {
    const bool all = m.id.service == time_sequence::sequence_id::all_services;
    return {key_name(server_.keys[m.id.key]), all ? "" : server_.services[m.id.service].name, m.t0};
}

bool verifier::is_timely(const time_sequence::match& m, instant now) const {
    const unix_time begin{seconds(m.t0)};
    const auto t = t_.t + (now - t_at_);
    return granting::acceptable(begin, begin + seconds(2 * psk_of(server_.keys[m.id.key]).granularity),
                                {t - (now - m.first), t_.error});
}

void verifier::answer(const time_sequence::match& m, instant now) {
    const auto& w = way_of(m.who, m.last_port);
    const bool known_way = w.source == m.who && w.port == m.last_port;
    auto* c = known_way && is_timely(m, now) ? conversations_.find(id_of(m)) : nullptr;
    if (!c && known_way && is_timely(m, now)) c = begin(m, w, now);
    // Who repeats another's request gets nothing, whatever has become of it.
    if (!c || c->who != m.who || conversations_.is_over(*c, now) || c->answers == most_answers) {
        ++unanswered_;
        return;
    }
    ++c->answers;
    ++challenges_;
    answers_.push_back({w.destination, w.port, m.who, w.source_port, c->challenge});
}

/// True if the record of burnt knocks says that nothing can come of the request: after a restart it is all
/// that is known of those before, and whoever heard them is to get no answer.
bool verifier::is_spent(const time_sequence::match& m) const {
    if (!newest_ || !is_burnt_) return false;
    const auto& settings = server_.keys[m.id.key];
    const auto& key = settings.key->fingerprint();
    const auto newest = newest_(key);
    if (newest && m.t0 < newest->place - psk_of(settings).granularity) return true;
    return is_burnt_(key, m.t0, id_of(m).service);
}

conversation* verifier::begin(const time_sequence::match& m, const way& w, instant now) {
    if (is_spent(m)) return nullptr;
    auto& of_key = sealers_[static_cast<std::size_t>(held_[m.id.key])];
    message said{{}, m.who, w.source_port};
    random_(said.nonce);
    auto sealed = of_key.seal(m.t0, said);
    if (!sealed) return nullptr;
    conversation c;
    c.id = id_of(m);
    c.who = m.who;
    c.first = m.first;
    c.since = now;
    c.challenge = std::move(*sealed);
    c.response = of_key.response(said.nonce, m.who, c.id.service);
    c.strict = server_.keys[m.id.key].mode == config::matching::strict;
    return &conversations_.begin(std::move(c));
}

/// The response is complete. What it was asked for may be configured otherwise meanwhile.
void verifier::claim(const conversation& c) {
    const auto found = key_of_.find(c.id.key);
    if (found == key_of_.end()) return;
    const auto& settings = server_.keys[found->second];
    granting::claim made;
    made.key = found->second;
    made.source = made.beneficiary = c.who;
    for (const auto service : settings.services)
        if (c.id.service.empty() || server_.services[service].name == c.id.service)
            made.services.push_back(static_cast<std::uint32_t>(service));
    if (made.services.empty()) return;
    const auto g = psk_of(settings).granularity;
    const unix_time begin{seconds(c.id.t0)};
    made.once.key = settings.key->fingerprint();
    made.once.identity = c.id.service;
    made.once.place = c.id.t0;
    made.once.slack = g;
    made.once.good = {{begin, begin + seconds(2 * g)}};
    made.first = c.first;
    made.description = "window " + utc(c.id.t0);
    claims_.push_back(std::move(made));
}

std::vector<std::pair<std::string_view, std::uint64_t>> verifier::count() const {
    auto all = matcher_.count_by_name();
    all.insert(all.end(), {{"tracker_bytes", ways_.size() * sizeof(way)}, // added to the matcher's
                           {"challenges", challenges_},
                           {"unanswered", unanswered_}});
    return all;
}

} // namespace chronoknock::challenge
