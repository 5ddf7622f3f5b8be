#pragma once

#include "base/ini.hpp"
#include "client/plan.hpp"
#include "config/server.hpp"
#include "key/credential.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace chronoknock::fixed {

/// How many sequences of a pad are looked for beyond the last one that was used: knocks get lost.
inline constexpr std::int64_t look_ahead = 8;

/// The ports of a knock, in order.
using sequence = std::vector<client::shot>;

/// One sequence, which never changes, or a one-time pad: sequences that are each good once, in order.
class credential final : public key::credential {
public:
    /// issued: when a pad was made, in seconds since the epoch; it is no part of the secret.
    explicit credential(std::vector<sequence> sequences, std::int64_t issued = 0);

    const std::vector<sequence>& sequences() const { return sequences_; }
    std::int64_t issued() const { return issued_; }

    static constexpr std::string_view name = "static"; ///< of the method
    std::string_view method() const override { return name; }
    const std::string& fingerprint() const override { return fingerprint_; }
    std::string shown_fingerprint() const override { return {}; } // three ports are 48 bits
    std::uint32_t granularity() const override { return 0; }
    bool numbered() const override { return sequences_.size() > 1; }
    std::int64_t most_ahead() const override { return look_ahead; }
    bool never_changes() const override { return sequences_.size() == 1; }
    bool heeds_address() const override { return false; }
    bool names_service() const override { return false; }
    std::uint32_t least_memory() const override;
    void forget_secret() override {} // the verifier needs the sequences as they are

private:
    std::vector<sequence> sequences_;
    std::int64_t issued_;
    std::string fingerprint_;
};

inline const std::vector<sequence>& sequences_of(const config::key_settings& k) {
    return static_cast<const credential&>(*k.key).sequences();
}

/// Reads "7000, udp/8000, 9000", with ";" between the sequences of a pad. The error says what was expected
/// and quotes nothing: it may be a secret.
result<key::credential_ptr> read_sequences(std::string_view text);
/// Reads the fields of a key file.
result<key::credential_ptr> read_key(std::span<const ini_field> fields);

} // namespace chronoknock::fixed
