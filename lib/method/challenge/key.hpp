#pragma once

#include "base/ini.hpp"
#include "config/server.hpp"
#include "key/credential.hpp"
#include "key/fingerprint.hpp"
#include "key/psk.hpp"
#include "method/method.hpp"

#include <span>
#include <utility>

namespace chronoknock::challenge {

/// A pre-shared key of this method.
class credential final : public key::credential {
public:
    explicit credential(key::psk k) : psk_(std::move(k)), fingerprint_(key::fingerprint(psk_.secret)) {}

    const key::psk& psk() const { return psk_; }

    static constexpr std::string_view name = "challenge"; ///< of the method
    std::string_view method() const override { return name; }
    const std::string& fingerprint() const override { return fingerprint_; }
    std::uint32_t granularity() const override { return psk_.granularity; }
    bool never_changes() const override { return false; }
    bool heeds_address() const override { return !psk_.ignore_ip; }
    bool names_service() const override { return true; }
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

/// Reads the fields of a key file (chronoknock.key(5)).
result<key::credential_ptr> read_key(std::span<const ini_field> fields);
/// Makes the text of a new one; see method::row::generate.
result<method::key_files> generate(std::span<const ini_field> fields, std::span<const std::uint8_t> random,
                                   std::int64_t now);

} // namespace chronoknock::challenge
