#pragma once

#include "base/hash.hpp"
#include "method/arrivals.hpp"
#include "method/lane.hpp"
#include "method/method.hpp"
#include "method/sealed/digits.hpp"
#include "method/sealed/message_queue.hpp"
#include "method/sealed/tags.hpp"
#include "method/tracker.hpp"

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace chronoknock::sealed {

/// An error if the keys (indices into s.keys) have knocks of more SYNs than are remembered of an address.
result<void> check_memory(const config::server& s, std::span<const std::uint32_t> keys);

/// Finds the sealed requests of all keys in datagrams, echo requests, DNS questions and among the SYNs of
/// each address. What is no message costs one look into the table of tags; decryptions are rationed.
class verifier final : public method::verifier {
public:
    explicit verifier(const method::verifier_settings& s);

    std::string_view method() const override { return credential::name; }
    void take_over(method::verifier& before) override;
    void retire() override { tracker_->let_go(); }
    bool advance(instant, const time_estimate& t, std::size_t work) override {
        return tags_.advance(t.t, work);
    }
    void observe(const packet::event& e, instant now) override;
    std::vector<granting::claim> end_batch(instant now) override;
    bool waiting() const override {
        return std::ranges::any_of(lanes_, [](const auto& l) { return !l.waiting().empty(); }) ||
               std::ranges::any_of(queues_, [](const auto& q) { return !q.empty(); }) ||
               std::ranges::any_of(disturbed_, [](const auto& q) { return !q.empty(); });
    }
    std::vector<std::span<const std::byte>> tables() const override {
        const auto [syns, index] = tracker_->tables();
        return {syns, index};
    }
    std::vector<std::pair<std::string_view, std::uint64_t>> count() const override;

private:
    /// Whom decryptions are for: each kind has a ration of its own, so that a flood in strangers' names keeps
    /// out nobody who was here before.
    enum turn : std::size_t { known, stranger, turns };
    /// What is decrypted: a message that came in one packet, or one put together of SYNs. SYNs stand for many
    /// messages, so there is a ration for each: those use up nothing of the others'.
    enum form : std::size_t { whole, of_syns, forms };
    /// What is left of a key's part in a ration: whoever overheard one of its tags and floods with it uses up
    /// that and what nobody needs, and nothing of other keys'.
    struct part {
        double left;
        instant refilled{};
    };
    /// What of a key's is used here.
    struct held_rest {
        std::array<std::array<part, turns>, forms> parts;
        std::array<part, turns> repeats;                              ///< for what it has sealed, again
        std::vector<std::pair<service_mark, std::uint32_t>> services; ///< index into server.services
        std::uint32_t zone = tags::none; ///< none: it does not use the carrier dns
    };
    enum class outcome { opened, forged, rationed };
    static std::shared_ptr<method::tracker> tracker_for(const method::verifier_settings& s, const tags& t);
    void take_expected();
    void take_syn(const method::tracker::arrival& a, instant now);
    void observe_name(const packet::event& e, instant now);
    void take(const message& m, const packet::event& e, key::carrier c, std::uint32_t zone, instant now);
    bool may_carry(const tags::held_key& k, const packet::event& e, key::carrier c, std::uint32_t zone) const;

    void look(method::tracker::slot s, instant now);
    void look_deeper(turn t, instant now);
    bool search(method::tracker::slot s, turn t, digit_search::depth d, instant now);
    digit_search::verdict try_message(const message& m, std::uint32_t layout, turn t, const arrival& a);

    outcome open(const tags::live& window, const message& m, std::uint64_t hash, form f, turn t,
                 const arrival& a, instant now);
    bool take_ration(std::uint32_t held, form f, turn t, bool again, instant now);
    void hold(const message_queue::entry& e, turn t);
    void serve_queue(turn t, instant now);
    void claim_for(const tags::live& window, const request& r, const message& m, const arrival& a);
    turn turn_of(const address& who) const { return known_(who) ? known : stranger; }
    std::uint64_t hash(const message& m, std::uint32_t held) const;
    std::uint64_t hash(const address& who, std::uint32_t held) const;

    const config::server& server_;
    hash_seed seed_;
    std::function<bool(const address&)> known_;
    tags tags_;
    std::vector<held_rest> rests_; ///< by the key's index in tags_
    std::bitset<65536> syn_ports_; ///< of some key's carrier ports
    bool echoes_ = false;          ///< some key uses the carrier icmp
    std::map<std::string, std::uint32_t, std::less<>> zones_;
    std::uint32_t least_syns_ = ~0u; ///< fewest SYNs of an address that are worth a look
    std::shared_ptr<method::tracker> tracker_;
    bool inherits_; ///< it is that of the one before
    method::arrivals expected_;
    std::vector<method::tracker::slot> dirty_; ///< addresses that may have something complete
    std::array<method::lane, turns> lanes_;    ///< for messages of SYNs
    std::array<method::ration, turns> wholes_; ///< for whole ones
    std::array<message_queue, turns> queues_;
    instant refilled_{};
    /// An address whose SYNs may be a knock with noise in it, and when that is gone into: not at each SYN of
    /// a knock that is not complete yet.
    struct disturbed {
        method::tracker::slot slot;
        instant due;
    };
    std::array<boost::circular_buffer<disturbed>, turns> disturbed_; ///< the one that is due first in front
    digit_search digits_;
    /// By hash, messages that no key had sealed (those of SYNs would be tried again with each SYN that
    /// comes), and messages that one had.
    std::vector<std::uint64_t> forged_;
    std::vector<std::uint64_t> opened_;
    std::uint32_t trials_ = 0; ///< decryptions for the address that is looked at
    std::vector<granting::claim> found_;
    std::uint64_t tracked_ = 0;
    std::uint64_t decryptions_ = 0;
    std::uint64_t postponed_ = 0;
    std::uint64_t turned_away_ = 0;
};

} // namespace chronoknock::sealed
