#pragma once

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/ini.hpp"
#include "base/time.hpp"
#include "client/plan.hpp"
#include "config/server.hpp"
#include "grant/burnt.hpp"
#include "grant/claim.hpp"
#include "packet/capture_wish.hpp"
#include "packet/datagram.hpp"
#include "packet/event.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The ways of knocking: each a row of the table in methods.cpp and a folder or a file of its own.
namespace chronoknock::method {

using packet::capture_wish;
class tracker;

/// Finds complete knocks among events: one for all keys of a method, so that the cost of a packet does not
/// depend on their number.
class verifier {
public:
    virtual ~verifier() = default;

    /// The name of its method.
    virtual std::string_view method() const = 0;
    /// Goes on where the one stands that it was made to follow (verifier_settings::before), between two
    /// batches: what is remembered of each address stays so. `before` is good for nothing then.
    virtual void take_over(verifier& before) = 0;
    /// Nothing comes to it any more, and none takes its place: gives back what it has of others'. It may be
    /// destroyed in another thread then.
    virtual void retire() {}

    /// Tells what the clock says at `now`. To be called before the first event and now and again (each batch
    /// will do). False if work is left: then soon again. `work`: how much of it at most, in derivations.
    virtual bool advance(instant now, const time_estimate& t, std::size_t work) = 0;
    /// Takes one event of a batch that arrived at `now`.
    virtual void observe(const packet::event& e, instant now) = 0;
    /// Ends the batch: gives what was completed.
    virtual std::vector<granting::claim> end_batch(instant now) = 0;
    /// What is to be sent in answer to what was seen, at once. Only to who knows a key: strangers get
    /// nothing.
    virtual std::vector<packet::datagram> take_answers() { return {}; }
    /// True if end_batch wants to be called again soon, with or without events.
    virtual bool waiting() const { return false; }
    /// Its big tables, not all of which have been touched: so a start takes no time. For populate().
    virtual std::vector<std::span<const std::byte>> tables() const { return {}; }
    /// Where it remembers SYNs of addresses, for another to follow (tracker); none: for none.
    virtual std::shared_ptr<tracker> addresses() const { return {}; }
    /// For `status`: names and numbers.
    virtual std::vector<std::pair<std::string_view, std::uint64_t>> count() const { return {}; }
};

/// What a verifier is made from. It takes what it needs of the secrets; the configuration outlives it.
struct verifier_settings {
    const config::server& server;
    std::span<const std::uint32_t> keys; ///< those of the method: indices into server.keys
    hash_seed seed;
    /// Tells whether an address opened a door before: what is worked out for such is rationed apart.
    std::function<bool(const address&)> known;
    /// Fills bytes with what nobody can guess.
    std::function<void(std::span<std::uint8_t>)> random = {};
    /// The newest token of a key (its fingerprint) that opened, as the record of burnt tokens has it. Like
    /// `known` not to be asked before the first call of the verifier.
    std::function<std::optional<granting::burnt>(const std::string&)> newest = {};
    /// True if a token of a key (its fingerprint, then the token's place and identity) is burnt, by that
    /// record. Not to be asked before the first call either.
    std::function<bool(const std::string&, std::int64_t, const std::string&)> is_burnt = {};
    /// Of the same method: the one whose place it is to take, with what that holds of addresses, so that
    /// there is no second table of them. It goes on working meanwhile, perhaps in another thread: only what
    /// never changes may be read of it. Until it has taken over, the new one can advance, and nothing else.
    const verifier* before = nullptr;
    /// addresses() of another method's, if there is one.
    std::shared_ptr<tracker> addresses = {};
};

/// What a client wants to knock for.
struct knock_request {
    address source;      ///< as the server sees it
    std::int64_t at;     ///< seconds since the epoch; of a numbered key the knock's number
    std::string service; ///< empty: all that the key may open
    /// Of the key's; none: its first.
    std::optional<key::carrier> carrier = {};
    std::optional<address> beneficiary = {};  ///< whom it is to open for; none: source
    std::optional<nanoseconds> open_for = {}; ///< none: as the service says
    bool close = false;                       ///< end what is open, instead of opening
    /// 32 bytes that nobody can guess.
    std::span<const std::uint8_t> random = {};
    /// Of the method's length, in place of random bytes or of what the server said; empty: none is given.
    std::span<const std::uint8_t> nonce = {};
};

/// The text of a new key's file; or of two, where client and server do not hold the same.
struct key_files {
    std::string client;
    std::string server = {}; ///< empty: the client's
};

/// A way of knocking.
struct row {
    std::string_view name; ///< the field `method` of a key file
    /// Makes a key of the fields of its file but `method`. The error begins with "line N: " where there is
    /// one, and quotes no secret.
    result<key::credential_ptr> (*read)(std::span<const ini_field> fields);
    /// What must be captured to see knocks of a key.
    capture_wish (*wants)(const config::key_settings& k);
    std::unique_ptr<verifier> (*verify)(const verifier_settings& s);
    /// -log2 of the chance that one packet of a stranger earns a grant (chronoknock-protocol(7), SECURITY
    /// BUDGET and METHODS).
    double (*security_bits)(const config::key_settings& k, const config::server& s);
    /// For `check`: lines on a key, each a name, or none, and what it is.
    std::vector<std::pair<std::string, std::string>> (*describe)(const config::key_settings& k);
    /// One round of a knock. An error if the key has none for it.
    result<client::plan> (*plan)(const key::credential& k, const knock_request& r);
    /// How a client knocks without a key file; none: not at all.
    struct by_option {
        const char* name; ///< of the option of `knock`: "ports"
        const char* value;
        const char* help;
        result<key::credential_ptr> (*read)(std::string_view text);
    };
    std::optional<by_option> without_file = {};
    /// What all keys of the method have to keep to together. The error says what was expected. None: nothing.
    result<void> (*check)(const config::server& s, std::span<const std::uint32_t> keys) = nullptr;
    /// For `check`: what the owner of a key may not want, each a warning; none: nothing.
    std::vector<std::string> (*doubts)(const config::key_settings& k) = nullptr;
    /// Makes a new key. fields: those of its file that were given, the others being left to their defaults;
    /// random: 8,192 bytes for its secrets, of which it takes the first. now: seconds since the epoch.
    result<key_files> (*generate)(std::span<const ini_field> fields, std::span<const std::uint8_t> random,
                                  std::int64_t now) = nullptr;
    /// What a knock can ask for besides a service.
    struct wishes {
        bool beneficiary = false;
        bool only_v4 = false; ///< a beneficiary of IPv4 alone
        bool open_for = false;
        bool close = false;
        std::size_t nonce = 0; ///< bytes of knock_request::nonce, for `sequence` only; 0: it has none
        bool number = false;   ///< which of its one-time passwords (`sequence --count`)
    };
    wishes carries = {};
    /// How many numbered knocks of a key are left, if its owner is to be told when they run short. newest:
    /// place of the newest token of it that opened.
    std::optional<std::int64_t> (*left)(const config::key_settings& k,
                                        std::optional<std::int64_t> newest) = nullptr;
    /// What a client sends on an answer of the server's to its knock (a datagram); none: the server does not
    /// answer. An error if it is none for this knock.
    result<client::plan> (*respond)(const key::credential& k, const knock_request& r,
                                    std::span<const std::uint8_t> answer) = nullptr;
};

/// The table of methods.
std::span<const row> methods();
/// The row of a key. (A key whose method is not in the table cannot be made.)
const row& method_of(const key::credential& k);
/// Reads a key file.
result<key::credential_ptr> read_key(std::string_view text);
/// Bits below which a key is refused unless allow_weak (chronoknock-protocol(7), SECURITY BUDGET).
inline constexpr double least_security_bits = 60;
/// The security budget of a configured key.
double security_bits(const config::key_settings& k, const config::server& s);
/// Whether the keys of each method can be looked for together.
result<void> check(const config::server& s);
/// What must be captured for all keys of a configuration.
capture_wish wants(const config::server& s);
/// A verifier and the events that it is for: what its keys' knocks can be made of.
struct watcher {
    std::unique_ptr<method::verifier> verifier;
    capture_wish wish;
};
class verifier_set;
/// A verifier for each method that the configuration has keys of. common: what they are made from, less keys
/// and before, which each has its own of. before: whose place they are to take (verifier_settings::before).
std::vector<watcher> verifiers(const verifier_settings& common, const verifier_set* before = nullptr);

} // namespace chronoknock::method
