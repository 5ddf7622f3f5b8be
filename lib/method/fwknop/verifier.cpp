#include "method/fwknop/verifier.hpp"

#include "base/text.hpp"
#include "key/digest.hpp"

#include <algorithm>
#include <array>
#include <boost/algorithm/hex.hpp>
#include <iterator>
#include <utility>

namespace chronoknock::fwknop {

namespace {

constexpr double burst_seconds = 1;
constexpr std::size_t most_waiting = 128;
constexpr std::size_t most_of_source = 4;
// A batch of packets must not wait longer for them than some milliseconds; what is left waits for the next
// tick.
constexpr std::size_t hmacs_at_once = 4096;

/// What no two packets have in common, whatever was done to them on the way.
std::string identity_of(std::string_view text) {
    static constexpr std::size_t size = 32;
    std::array<std::uint8_t, size> hash;
    key::digest("sha256")({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, hash.data());
    std::string digits;
    boost::algorithm::hex_lower(hash.begin(), hash.end(), std::back_inserter(digits));
    return digits;
}

bool has_one_of(const service& s, const std::vector<endpoint_range>& asked) {
    return std::ranges::any_of(s.ports, [&](const endpoint_range& has) {
        return std::ranges::any_of(asked, [&](const endpoint_range& one) {
            return one.protocol == has.protocol && one.ports.first >= has.ports.first &&
                   one.ports.last <= has.ports.last;
        });
    });
}

} // namespace

verifier::verifier(const method::verifier_settings& s)
    : server_(s.server), known_(s.known),
      known_room_(hmacs_per_second, hmacs_per_second * burst_seconds, most_waiting, most_of_source),
      room_(hmacs_per_second, hmacs_per_second * burst_seconds, most_waiting, most_of_source) {
    for (const auto key : s.keys) {
        const auto& held = secrets_of(server_.keys[key]);
        groups_[held.port].keys.push_back({key, held.cipher, key::hmac(held.hmac_digest, held.hmac)});
    }
    for (auto& [port, of_port] : groups_) {
        std::ranges::stable_sort(of_port.keys, {}, [](const held_key& k) { return k.mac.size(); });
        for (const auto& k : of_port.keys)
            if (const auto digits = digits_of(k.mac.size());
                of_port.digits.empty() || of_port.digits.back() != digits)
                of_port.digits.push_back(digits);
    }
}

void verifier::take_over(method::verifier& other) {
    auto& before = static_cast<verifier&>(other);
    known_room_ = std::move(before.known_room_);
    room_ = std::move(before.room_);
    known_room_.begin_again();
    room_.begin_again();
    refilled_ = before.refilled_;
    hmacs_ = before.hmacs_;
    turned_away_ = before.turned_away_;
}

void verifier::observe(const packet::event& e, instant now) {
    const auto found = e.kind == packet::kind::datagram ? groups_.find(e.port) : groups_.end();
    if (found == groups_.end()) return;
    if (std::ranges::none_of(found->second.digits,
                             [&](std::size_t digits) { return has_form(e.payload, digits); }))
        return;
    const bool is_free = room_.empty() && room_.ration() > 0;
    auto& room = !is_free && known_(e.source) ? known_room_ : room_;
    if (room.full() || !is_text(e.payload)) {
        turned_away_ += room.full();
        return;
    }
    turned_away_ += room.take(e.source, e.port, e.payload, now) == waiting_room::outcome::full;
}

std::vector<granting::claim> verifier::end_batch(instant now) {
    known_room_.refill(now - refilled_);
    room_.refill(now - refilled_);
    refilled_ = now;
    serve(known_room_);
    serve(room_);
    return std::exchange(found_, {});
}

/// Tries those who wait, the oldest first, as far as the ration goes. One that it cannot be done for waits no
/// longer: it would keep the others waiting for ever.
void verifier::serve(waiting_room& room) {
    const auto most = std::min(room.ration(), hmacs_at_once);
    auto ration = most;
    const auto spend = [&] {
        room.spend(most - ration);
        hmacs_ += most - ration;
    };
    try {
        while (!room.empty() && ration > 0 && try_keys(room.front(), ration)) room.pop();
    } catch (...) {
        room.pop();
        spend();
        throw;
    }
    spend();
}

/// True if a datagram is done with: its key was found, or there is none.
bool verifier::try_keys(candidate& c, std::size_t& ration) {
    const auto found = groups_.find(c.port);
    if (found == groups_.end()) return true;
    auto& keys = found->second.keys;
    std::size_t size = 0;
    std::optional<key::secret_bytes> tag;
    const held_key* unread = nullptr; // the key of the HMAC is not enough
    for (; c.tried < keys.size(); ++c.tried) {
        auto& k = keys[c.tried];
        const auto digits = digits_of(k.mac.size());
        if (std::exchange(size, k.mac.size()) != k.mac.size()) {
            tag.reset();
            if (has_form(c.payload(), digits)) tag = tag_of(c.payload(), digits);
        }
        if (!tag) continue;
        if (ration == 0) return false;
        --ration;
        if (!is_authentic(c.payload(), *tag, k.mac)) continue;
        const auto plain = open(c.payload(), digits, k.cipher);
        const std::string_view text(plain ? reinterpret_cast<const char*>(plain->data()) : "",
                                    plain ? plain->size() : 0);
        if (read_fields(text)) {
            read(k, c, text);
            return true;
        }
        unread = &k;
    }
    if (unread) refuse(*unread, c, {"it cannot be decrypted with the key_base64 of its key", {}});
    return true;
}

granting::claim verifier::begin_claim(const held_key& k, const candidate& c) const {
    granting::claim claim;
    claim.key = k.key;
    claim.source = claim.beneficiary = c.source;
    claim.once.key = server_.keys[k.key].key->fingerprint();
    claim.first = c.arrived;
    return claim;
}

void verifier::refuse(const held_key& k, const candidate& c, const refusal& why) {
    auto claim = begin_claim(k, c);
    claim.description = why.time ? "packet of " + utc(*why.time) : "packet";
    claim.unfit = why.why;
    found_.push_back(std::move(claim));
}

/// An authentic packet: what it asks for.
void verifier::read(const held_key& k, const candidate& c, std::string_view text) {
    const auto reading = read_message(*read_fields(text));
    if (!reading.accepted) return refuse(k, c, reading.refused);
    const auto& m = *reading.accepted;
    const auto& settings = server_.keys[k.key];
    auto claim = begin_claim(k, c);
    const bool unnamed = m.who == address();
    const bool paired = settings.pair && !unnamed && m.who.family() != c.source.family();
    if (m.who != c.source && !paired && !settings.for_others)
        return refuse(k, c,
                      {unnamed ? "it names no address to open for: that takes for_others"
                               : "it is for another address than it came from: that takes for_others",
                       m.time});
    if (paired)
        claim.paired = m.who;
    else if (!unnamed)
        claim.beneficiary = m.who;
    for (const auto service : settings.services)
        if (has_one_of(server_.services[service], m.ports))
            claim.services.push_back(static_cast<std::uint32_t>(service));
    if (claim.services.empty())
        return refuse(k, c, {"none of its services has a port that it asks for", m.time});
    if (m.open_for) claim.open_for = *m.open_for;
    claim.once.identity = identity_of(text);
    claim.once.place = m.time;
    // Two clients whose clocks are as wrong as may be, one ahead and one behind, do not refuse each other.
    claim.once.slack = 2 * most_apart.count();
    const unix_time said{seconds(m.time)};
    claim.once.good = {{said - most_apart, said + most_apart + nanoseconds(1)}};
    claim.description = "packet of " + utc(m.time);
    found_.push_back(std::move(claim));
}

std::vector<std::pair<std::string_view, std::uint64_t>> verifier::count() const {
    return {{"derivations", hmacs_}, {"turned_away", turned_away_}};
}

} // namespace chronoknock::fwknop
