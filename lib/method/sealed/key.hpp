#pragma once

#include "base/ini.hpp"
#include "config/server.hpp"
#include "key/credential.hpp"
#include "key/psk.hpp"
#include "method/sealed/layout.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::sealed {

/// What a key file of this method says besides the fields that other methods have, too.
struct settings {
    std::vector<key::carrier> carriers = {key::carrier::udp};
    sealed::layout layout; ///< of the carrier ports
    std::string zone;      ///< of the carrier dns
};

/// A pre-shared key whose knocks are encrypted requests.
class credential final : public key::credential {
public:
    credential(key::psk k, sealed::settings s);

    const key::psk& psk() const { return psk_; }
    const sealed::settings& settings() const { return settings_; }
    bool uses(key::carrier c) const {
        return std::ranges::find(settings_.carriers, c) != settings_.carriers.end();
    }

    static constexpr std::string_view name = "sealed"; ///< of the method
    std::string_view method() const override { return name; }
    const std::string& fingerprint() const override { return fingerprint_; }
    std::uint32_t granularity() const override { return psk_.granularity; }
    bool never_changes() const override { return false; }
    bool always_fresh() const override { return true; }
    std::vector<key::carrier> carriers() const override { return settings_.carriers; }
    bool heeds_address() const override { return true; }
    bool names_address() const override { return true; }
    bool names_service() const override { return true; }
    std::uint32_t least_memory() const override {
        return uses(key::carrier::ports) ? static_cast<std::uint32_t>(settings_.layout.digits()) : 0;
    }
    void forget_secret() override { psk_.secret = key::secret_bytes(); }

private:
    key::psk psk_;
    sealed::settings settings_;
    std::string fingerprint_;
};

inline const credential& credential_of(const config::key_settings& k) {
    return static_cast<const credential&>(*k.key);
}

/// Reads the fields of a key file.
result<key::credential_ptr> read_key(std::span<const ini_field> fields);

} // namespace chronoknock::sealed
