#include "method/otp/verifier.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::otp {

namespace {

using namespace std::chrono_literals;

/// Longer than it takes to burn a token and to open, if that succeeds at all.
constexpr nanoseconds claims_settle_within = 10s;
/// How long after it was issued a verifier is good without a record (chronoknock-protocol(7), METHODS).
constexpr std::int64_t day = 86400;

// Hashes a second, each of them 0.2 us: whoever sends words of right parity costs some, and needs no key for
// it.
constexpr double hashes_per_second = 400'000;
constexpr double burst_seconds = 0.1;

method::lane make_lane() { return method::lane(hashes_per_second, hashes_per_second * burst_seconds, 0); }

} // namespace

verifier::verifier(const method::verifier_settings& s)
    : server_(s.server), known_address_(s.known), newest_(s.newest), lane_(make_lane()),
      known_lane_(make_lane()),
      tables_{table{key::otp_hash(key::otp_function::md5)}, table{key::otp_hash(key::otp_function::sha1)}} {
    for (const auto key : s.keys) {
        chain c{key, 0, 0};
        const auto& of = credential_of(c);
        if (!of.server()) continue; // check_keys() refuses it
        c.count = of.server()->count;
        c.value = of.server()->value;
        dns_ |= of.common().travels_by(key::carrier::dns);
        auto& t = table_of(c);
        t.lookahead = std::max(t.lookahead, of.server()->lookahead);
        t.by_last.emplace(c.value, static_cast<std::uint32_t>(chains_.size()));
        chains_.push_back(c);
    }
}

const credential& verifier::credential_of(const chain& c) const {
    return static_cast<const credential&>(*server_.keys[c.key].key);
}

verifier::table& verifier::table_of(const chain& c) {
    return tables_[credential_of(c).common().function == key::otp_function::md5 ? 0 : 1];
}

/// Places count up from 0, which the first password after the verifier has.
std::int64_t verifier::place_of(const chain& c, std::uint32_t count) const {
    return std::int64_t{credential_of(c).server()->count} - 1 - count;
}

/// Asks the record for the last password that opened.
void verifier::move_on(std::uint32_t index) {
    auto& c = chains_[index];
    const auto newest = newest_ ? newest_(credential_of(c).fingerprint()) : std::nullopt;
    if (!newest || newest->place <= place_of(c, c.count)) return;
    const auto value = key::parse_otp_hex(newest->identity);
    const auto count = std::int64_t{credential_of(c).server()->count} - 1 - newest->place;
    if (!value || count < 0) return;
    auto& by_last = table_of(c).by_last;
    const auto [from, to] = by_last.equal_range(c.value);
    by_last.erase(std::find_if(from, to, [index](const auto& one) { return one.second == index; }));
    c.count = static_cast<std::uint32_t>(count);
    c.value = *value;
    by_last.emplace(c.value, index);
}

void verifier::move_all_on(instant now) {
    std::erase_if(moving_, [&](std::uint32_t index) {
        move_on(index);
        auto& c = chains_[index];
        c.may_move = place_of(c, c.count) < c.claimed && now < c.until;
        return !c.may_move;
    });
}

void verifier::take_over(method::verifier& before) {
    passwords_ = static_cast<verifier&>(before).passwords_;
    moving_ = {};
    for (known_ = 0; known_ < chains_.size(); ++known_) move_on(static_cast<std::uint32_t>(known_));
    // What the other one claimed may still be on its way: until it is settled it is asked for again.
    for (const auto index : static_cast<verifier&>(before).moving_) {
        const auto& was = static_cast<verifier&>(before).chains_[index];
        const auto& print = static_cast<verifier&>(before).credential_of(was).fingerprint();
        for (std::uint32_t i = 0; i < chains_.size(); ++i) {
            if (credential_of(chains_[i]).fingerprint() != print) continue;
            chains_[i].claimed = was.claimed;
            chains_[i].until = was.until;
            chains_[i].may_move = true;
            moving_.push_back(i);
        }
    }
}

bool verifier::advance(instant now, const time_estimate&, std::size_t work) {
    for (; known_ < chains_.size() && work > 0; --work) move_on(static_cast<std::uint32_t>(known_++));
    move_all_on(now);
    return known_ == chains_.size();
}

void verifier::observe(const packet::event& e, instant now) {
    if (e.kind != packet::kind::datagram) return;
    if (dns_ && !e.asked_name.empty()) {
        const auto dot = e.asked_name.find('.');
        if (dot == e.asked_name.npos) return;
        if (const auto password = key::parse_otp_label(e.asked_name.substr(0, dot)))
            look_up(*password, e, e.asked_name.substr(dot + 1), now);
        return;
    }
    if (!payload_sizes.contains(e.payload.size())) return;
    const auto* const text = reinterpret_cast<const char*>(e.payload.data());
    if (const auto password = key::parse_otp_words({text, e.payload.size()})) look_up(*password, e, {}, now);
}

/// zone: of the DNS; empty for a datagram.
void verifier::look_up(key::otp_value password, const packet::event& e, std::string_view zone, instant now) {
    auto& ration = !lane_.has_ration() && known_address_(e.source) ? known_lane_ : lane_;
    if (!ration.has_ration()) {
        ++turned_away_;
        return;
    }
    ++passwords_;
    if (!std::exchange(moved_, true)) move_all_on(now);
    for (auto& t : tables_) {
        auto value = password;
        for (std::uint32_t hashes = 0; hashes <= t.lookahead && !t.by_last.empty(); ++hashes) {
            if (hashes != 0) {
                value = t.hash.next(value);
                ration.spend(1);
            }
            const auto [from, to] = t.by_last.equal_range(value);
            for (auto it = from; it != to; ++it) {
                const auto& of = credential_of(chains_[it->second]);
                const bool carried =
                    zone.empty()
                        ? of.common().travels_by(key::carrier::udp) && of.common().ports.contains(e.port)
                        : of.common().travels_by(key::carrier::dns) && of.common().zone == zone;
                if (carried && hashes <= of.server()->lookahead) claim(it->second, hashes, password, e, now);
            }
        }
    }
}

/// No hash at all: the last password itself, once more. It is claimed for the log's sake, which tells of
/// replays; the record refuses it.
void verifier::claim(std::uint32_t index, std::uint32_t hashes, key::otp_value password,
                     const packet::event& e, instant now) {
    auto& c = chains_[index];
    if (hashes > c.count) return;
    const auto count = c.count - hashes;
    const auto place = place_of(c, count);
    if (place < 0 || (c.batch == batch_ && place <= c.claimed)) return;
    c.batch = batch_;
    c.claimed = place;
    c.until = now + claims_settle_within;
    if (!std::exchange(c.may_move, true)) moving_.push_back(index);

    const auto& of = credential_of(c);
    granting::claim found;
    found.key = c.key;
    found.source = found.beneficiary = e.source;
    for (const auto service : server_.keys[c.key].services)
        found.services.push_back(static_cast<std::uint32_t>(service));
    found.once.key = of.fingerprint();
    found.once.place = place;
    found.once.ahead = of.server()->lookahead;
    found.once.identity = key::otp_hex(password);
    const auto issued = unix_time(seconds(of.server()->issued));
    found.once.unrecorded = granting::token::period{issued, issued + seconds(day)};
    found.first = now;
    found.description =
        "one-time password " + std::to_string(count) + (count < key::few_left ? ", few are left" : "");
    found_.push_back(std::move(found));
}

std::vector<granting::claim> verifier::end_batch(instant now) {
    lane_.refill(now - refilled_);
    known_lane_.refill(now - refilled_);
    refilled_ = now;
    ++batch_;
    moved_ = false;
    return std::exchange(found_, {});
}

std::vector<std::pair<std::string_view, std::uint64_t>> verifier::count() const {
    return {{"tracked", passwords_}, {"turned_away", turned_away_}};
}

} // namespace chronoknock::otp
