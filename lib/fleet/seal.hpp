#pragma once

#include "base/error.hpp"
#include "base/reader.hpp"
#include "grant/shared.hpp"
#include "key/hmac.hpp"
#include "key/siv.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What a fleet keeps in etcd: names and sealed records (chronoknock-protocol(7), FLEET).
namespace chronoknock::fleet {

/// The same in each try to burn a token, and in no other's: whoever finds it there has burnt the token
/// itself.
using attempt_id = std::array<std::uint8_t, 16>;

struct burnt_record {
    granting::burnt token;
    std::string host;
    attempt_id attempt{};
    bool operator==(const burnt_record&) const = default;
};

/// The newest place of a key that was accepted.
struct top_record {
    std::string key; ///< fingerprint
    std::int64_t place = 0;
    bool operator==(const top_record&) const = default;
};

struct host_record {
    std::string name;
    std::string version;
    unix_time seen; ///< by its own clock
    std::uint64_t grants = 0;
    bool is_doubled = false; ///< another host has the same name
    bool operator==(const host_record&) const = default;
};

/// Names entries of etcd, and seals what stands in them: who can write to etcd, and has not the fleet's
/// secret, can take entries away, but makes none and moves none to another name; who can read it learns that
/// there are knocks, and when, not whose. Not for two threads at a time.
class seal {
public:
    /// prefix: of all names. secret: at least least_secret bytes.
    seal(std::string prefix, byte_view secret);
    static constexpr std::size_t least_secret = 32;

    std::string name_of(const granting::burnt& b) const;
    /// Those of the key (its fingerprint) whose place is at least so great begin here; the others are before.
    std::string first_burnt(const std::string& key) const;
    std::string first_burnt_of(const std::string& key, std::int64_t place) const;
    std::string name_of_top(const std::string& key) const;
    std::string name_of_grant(const std::string& key, const prefix& who, const std::string& service) const;
    std::string name_of_host(const std::string& name) const { return prefix_ + "/host/" + name; }
    std::string name_of_echo() const { return prefix_ + "/echo"; }
    /// [first, second): what burnt tokens, grants and the echo are in.
    std::pair<std::string, std::string> watched() const { return {prefix_ + "/burnt/", prefix_ + "/grant0"}; }
    std::pair<std::string, std::string> hosts() const { return {prefix_ + "/host/", prefix_ + "/host0"}; }
    bool is_burnt(std::string_view name) const { return name.starts_with(prefix_ + "/burnt/"); }
    bool is_grant(std::string_view name) const { return name.starts_with(prefix_ + "/grant/"); }

    std::string close(const burnt_record& r) const;
    std::string close(const top_record& r) const;
    std::string close(const granting::shared_grant& g) const;
    std::string close(const host_record& r) const;

    /// None of what was not sealed so, or stands in another's place.
    std::optional<burnt_record> open_burnt(std::string_view name, std::string_view value) const;
    std::optional<top_record> open_top(std::string_view name, std::string_view value) const;
    std::optional<granting::shared_grant> open_grant(std::string_view name, std::string_view value) const;
    std::optional<host_record> open_host(std::string_view name, std::string_view value) const;

private:
    std::string mark(std::string_view kind, std::string_view bytes) const;
    std::string mark_of_key(const std::string& key) const;
    std::string close(std::string_view name, std::string_view plain) const;
    std::optional<std::string> open(std::string_view name, std::string_view value) const;

    std::string prefix_;
    key::siv siv_;
    mutable key::hmac names_;
};

/// The plain forms, as the seal holds them; none of bytes that are anything else.
std::string encode(const burnt_record& r);
std::string encode(const top_record& r);
std::string encode(const granting::shared_grant& g);
std::string encode(const host_record& r);
std::optional<burnt_record> decode_burnt(std::string_view bytes);
std::optional<top_record> decode_top(std::string_view bytes);
std::optional<granting::shared_grant> decode_grant(std::string_view bytes);
std::optional<host_record> decode_host(std::string_view bytes);

} // namespace chronoknock::fleet
