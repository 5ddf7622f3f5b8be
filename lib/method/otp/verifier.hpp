#pragma once

#include "method/lane.hpp"
#include "method/method.hpp"
#include "method/otp/key.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace chronoknock::otp {

/// Bytes of a payload that is taken for six words: of one letter each, or with white space however arranged.
inline constexpr packet::size_range payload_sizes{11, 128};

/// Finds one-time passwords in datagrams and DNS questions. A password is found by what it hashes to, in a
/// table of the last password of every key: a datagram costs as many hashes as the longest lookahead has, for
/// each function, however many keys there are, and none if it is no six words of right parity.
///
/// The last password of a key is what the record of burnt tokens says it is (verifier_settings::newest); a
/// password that was sent is only a claim. So one that was refused or could not open moves nothing on.
class verifier final : public method::verifier {
public:
    explicit verifier(const method::verifier_settings& s);

    std::string_view method() const override { return credential::name; }
    void take_over(method::verifier& before) override;
    bool advance(instant now, const time_estimate& t, std::size_t work) override;
    void observe(const packet::event& e, instant now) override;
    std::vector<granting::claim> end_batch(instant now) override;
    std::vector<std::pair<std::string_view, std::uint64_t>> count() const override;

private:
    /// A key and the last of its passwords that is known.
    struct chain {
        std::uint32_t key; ///< index into server.keys
        std::uint32_t count;
        key::otp_value value;
        std::uint64_t batch = 0;  ///< that a claim of it was made in last,
        std::int64_t claimed = 0; ///< its place
        bool may_move = false;    ///< in moving_
        instant until{};          ///< when it need not be in there any longer
    };
    /// The keys of a function.
    struct table {
        key::otp_hash hash;
        std::uint32_t lookahead = 0;                                         ///< the longest of its keys'
        std::unordered_multimap<key::otp_value, std::uint32_t> by_last = {}; ///< indices into chains_
    };

    const credential& credential_of(const chain& c) const;
    table& table_of(const chain& c);
    std::int64_t place_of(const chain& c, std::uint32_t count) const;
    void move_on(std::uint32_t index);
    void move_all_on(instant now);
    void look_up(key::otp_value password, const packet::event& e, std::string_view zone, instant now);
    void claim(std::uint32_t index, std::uint32_t hashes, key::otp_value password, const packet::event& e,
               instant now);

    const config::server& server_;
    std::function<bool(const address&)> known_address_;
    std::function<std::optional<granting::burnt>(const std::string&)> newest_;
    method::lane lane_; ///< hashes for everybody,
    method::lane
        known_lane_; ///< and for addresses that opened a door before, when strangers have used those up
    instant refilled_{};
    std::uint64_t turned_away_ = 0;
    std::vector<chain> chains_;
    std::array<table, 2> tables_;
    bool dns_ = false;                  ///< a key has that carrier
    std::size_t known_ = 0;             ///< chains that the record was asked for
    std::vector<std::uint32_t> moving_; ///< chains that a claim was made of a short time ago
    bool moved_ = false;                ///< in this batch
    std::uint64_t batch_ = 1;
    std::vector<granting::claim> found_;
    std::uint64_t passwords_ = 0;
};

} // namespace chronoknock::otp
