#pragma once

#include "base/ini.hpp"
#include "base/port_set.hpp"
#include "key/credential.hpp"
#include "key/otp.hpp"
#include "key/secret.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chronoknock::otp {

inline constexpr std::uint32_t most_count = 1'000'000;
inline constexpr std::uint32_t default_lookahead = 4;
/// More would leave less than 60 bits.
inline constexpr std::uint32_t most_lookahead = 16;

/// What both files of a key say.
struct settings {
    key::otp_function function = key::otp_function::sha1;
    std::string seed; ///< in lower case
    std::vector<key::carrier> carriers = {key::carrier::udp};
    port_set ports{{{1024, 65535}}}; ///< UDP ports that a datagram may go to
    std::string zone;                ///< empty: none
    bool travels_by(key::carrier c) const { return std::ranges::find(carriers, c) != carriers.end(); }
};

/// The client's file: what passwords are made of. They are used from number count - 1 down to 0.
struct generator {
    key::secret_text passphrase;
    std::uint32_t count = 0;
};

/// The server's file: a password that is used up, which tells those to come when it sees them.
struct last_password {
    std::uint32_t count = 0;
    key::otp_value value = 0;
    std::int64_t issued = 0; ///< seconds since the epoch
    std::uint32_t lookahead = default_lookahead;
};

/// One of the two files of a key: exactly one of client and server is there.
class credential final : public key::credential {
public:
    credential(settings s, generator client);
    credential(settings s, last_password server);

    const otp::settings& common() const { return settings_; }
    const std::optional<generator>& client() const { return client_; }
    const std::optional<last_password>& server() const { return server_; }

    static constexpr std::string_view name = "otp"; ///< of the method
    std::string_view method() const override { return name; }
    const std::string& fingerprint() const override { return fingerprint_; }
    std::string shown_fingerprint() const override; // of what both files have in common, and is not secret
    std::uint32_t granularity() const override { return 0; }
    bool numbered() const override { return true; }
    std::int64_t number_after(std::optional<std::int64_t> last) const override;
    std::int64_t numbers_between(std::int64_t from, std::int64_t to) const override {
        return from - std::min<std::int64_t>(to, most_count);
    }
    std::int64_t most_ahead() const override { return server_ ? server_->lookahead : default_lookahead; }
    std::optional<std::int64_t> numbers_left(std::int64_t number) const override { return number; }
    bool can_knock() const override { return client_.has_value(); }
    bool never_changes() const override { return false; }
    std::vector<key::carrier> carriers() const override { return settings_.carriers; }
    bool heeds_address() const override { return false; }
    bool names_service() const override { return false; }
    std::uint32_t least_memory() const override { return 0; }
    void forget_secret() override {} // the server's file has none

private:
    otp::settings settings_;
    std::optional<generator> client_;
    std::optional<last_password> server_;
    std::string fingerprint_;
};

/// Reads the fields of either file: a verifier makes it the server's.
result<key::credential_ptr> read_key(std::span<const ini_field> fields);

} // namespace chronoknock::otp
