#pragma once

#include "config/server.hpp"
#include "key/credential.hpp"
#include "key/fingerprint.hpp"
#include "key/psk.hpp"

#include <utility>

namespace chronoknock::time_sequence {

/// A pre-shared key of this method.
class credential final : public key::credential {
public:
    explicit credential(key::psk k) : psk_(std::move(k)), fingerprint_(key::fingerprint(psk_.secret)) {}

    const key::psk& psk() const { return psk_; }
    key::psk& psk() { return psk_; }

    static constexpr std::string_view name = "time-sequence"; ///< of the method
    std::string_view method() const override { return name; }
    const std::string& fingerprint() const override { return fingerprint_; }
    std::uint32_t granularity() const override { return psk_.ignore_time ? 0 : psk_.granularity; }
    bool never_changes() const override { return psk_.ignore_time; }
    bool heeds_address() const override { return !psk_.ignore_ip; }
    bool names_service() const override { return psk_.hmac; }
    std::uint32_t least_memory() const override { return psk_.length; }
    void forget_secret() override { psk_.secret = key::secret_bytes(); }

private:
    key::psk psk_;
    std::string fingerprint_;
};

/// The pre-shared key of a configured key of this method.
inline const key::psk& psk_of(const config::key_settings& k) {
    return static_cast<const credential&>(*k.key).psk();
}

} // namespace chronoknock::time_sequence
