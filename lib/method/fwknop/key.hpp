#pragma once

#include "base/error.hpp"
#include "base/ini.hpp"
#include "base/time.hpp"
#include "config/server.hpp"
#include "key/credential.hpp"
#include "key/secret.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace chronoknock::fwknop {

/// How far the time in a packet may be from the server's.
inline constexpr seconds most_apart{120};

/// fwknop's two secrets and where its packets go.
struct secrets {
    key::secret_bytes cipher; ///< what the key of AES is made of
    key::secret_bytes hmac;
    std::string hmac_digest = "sha256";
    std::uint16_t port = 62201;
};

class credential final : public key::credential {
public:
    explicit credential(secrets s);

    const secrets& held() const { return secrets_; }

    static constexpr std::string_view name = "fwknop"; ///< of the method
    std::string_view method() const override { return name; }
    const std::string& fingerprint() const override { return fingerprint_; }
    std::string shown_fingerprint() const override { return shown_; }
    std::uint32_t granularity() const override { return 2 * static_cast<std::uint32_t>(most_apart.count()); }
    bool never_changes() const override { return false; }
    bool always_fresh() const override { return true; }
    bool heeds_address() const override { return true; }
    bool names_address() const override { return true; }
    bool names_service() const override { return true; }
    bool asks_for_ports() const override { return true; }
    std::uint32_t least_memory() const override { return 0; }
    void forget_secret() override;

private:
    secrets secrets_;
    std::string fingerprint_;
    std::string shown_; ///< empty if a secret is so short that a person may have chosen it
};

inline const secrets& secrets_of(const config::key_settings& k) {
    return static_cast<const credential&>(*k.key).held();
}

/// Reads the fields of a key file (chronoknock.key(5)). The error quotes no secret.
result<key::credential_ptr> read_key(std::span<const ini_field> fields);

} // namespace chronoknock::fwknop
