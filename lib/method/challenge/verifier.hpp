#pragma once

#include "method/challenge/conversations.hpp"
#include "method/challenge/key.hpp"
#include "method/challenge/sealer.hpp"
#include "method/method.hpp"
#include "method/time_sequence/matcher.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace chronoknock::challenge {

/// How often a challenge is sent.
inline constexpr std::uint32_t most_answers = 8;

/// Finds requests as time-sequence finds knocks, answers them, and waits for the responses.
class verifier final : public method::verifier {
public:
    explicit verifier(const method::verifier_settings& s);

    std::string_view method() const override { return credential::name; }
    void take_over(method::verifier& before) override;
    bool advance(instant now, const time_estimate& t, std::size_t work) override;
    void observe(const packet::event& e, instant now) override;
    std::vector<granting::claim> end_batch(instant now) override;
    std::vector<packet::datagram> take_answers() override { return std::exchange(answers_, {}); }
    bool waiting() const override { return matcher_.waiting(); }
    std::vector<std::span<const std::byte>> tables() const override { return matcher_.tables(); }
    std::vector<std::pair<std::string_view, std::uint64_t>> count() const override;

private:
    /// The way that the latest datagram of an address to a port took, which is the answer's way back.
    struct way {
        address source;
        address destination;
        std::uint16_t source_port = 0;
        std::uint16_t port = 0;
    };

    way& way_of(const address& source, std::uint16_t port);
    request_id id_of(const time_sequence::match& m) const;
    bool is_timely(const time_sequence::match& m, instant now) const;
    void answer(const time_sequence::match& m, instant now);
    bool is_spent(const time_sequence::match& m) const;
    conversation* begin(const time_sequence::match& m, const way& w, instant now);
    void claim(const conversation& c);

    const config::server& server_;
    hash_seed seed_;
    std::function<void(std::span<std::uint8_t>)> random_;
    std::function<std::optional<granting::burnt>(const std::string&)> newest_;
    std::function<bool(const std::string&, std::int64_t, const std::string&)> is_burnt_;
    time_sequence::matcher matcher_;
    conversations conversations_;
    std::vector<std::int32_t> held_;                        ///< by key of the server: index into sealers_
    std::unordered_map<std::string, std::uint32_t> key_of_; ///< by what tells keys in requests
    std::vector<sealer> sealers_;
    std::vector<way> ways_; ///< by a hash of source and port; a newer one takes an older one's place
    std::vector<packet::datagram> answers_;
    std::vector<granting::claim> claims_;
    time_estimate t_{};
    instant t_at_{};
    std::uint32_t datagrams_ = 0; ///< so that no two look like one that is sent again
    std::uint64_t challenges_ = 0;
    std::uint64_t unanswered_ = 0; ///< requests
};

} // namespace chronoknock::challenge
