#pragma once

#include "method/fwknop/key.hpp"
#include "method/fwknop/message.hpp"
#include "method/fwknop/waiting_room.hpp"
#include "method/method.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace chronoknock::fwknop {

/// HMACs a second for addresses that opened a door before, and as many for all others. Nothing in a packet
/// tells whose it is: one costs an HMAC for each key of its port. So many take some hundredths of a second.
inline constexpr double hmacs_per_second = 60'000;

/// Finds the key of each packet, by trying its HMAC with all that have its port, and reads what it asks for.
class verifier final : public method::verifier {
public:
    explicit verifier(const method::verifier_settings& s);

    std::string_view method() const override { return credential::name; }
    void take_over(method::verifier& before) override;
    bool advance(instant, const time_estimate&, std::size_t) override { return true; }
    void observe(const packet::event& e, instant now) override;
    std::vector<granting::claim> end_batch(instant now) override;
    bool waiting() const override { return !known_room_.empty() || !room_.empty(); }
    std::vector<std::pair<std::string_view, std::uint64_t>> count() const override;

private:
    struct held_key {
        std::uint32_t key; ///< index into server.keys
        key::secret_bytes cipher;
        key::hmac mac;
    };
    /// The keys of a port, those with the same length of HMAC together.
    struct group {
        std::vector<held_key> keys = {};
        std::vector<std::size_t> digits = {}; ///< that an HMAC has on the wire, each length once
    };

    void serve(waiting_room& room);
    bool try_keys(candidate& c, std::size_t& ration);
    void read(const held_key& k, const candidate& c, std::string_view text);
    void refuse(const held_key& k, const candidate& c, const refusal& why);
    granting::claim begin_claim(const held_key& k, const candidate& c) const;

    const config::server& server_;
    std::function<bool(const address&)> known_;
    std::map<std::uint16_t, group> groups_;
    waiting_room known_room_;
    waiting_room room_; ///< for all other addresses
    instant refilled_{};
    std::vector<granting::claim> found_;
    std::uint64_t hmacs_ = 0;
    std::uint64_t turned_away_ = 0;
};

} // namespace chronoknock::fwknop
