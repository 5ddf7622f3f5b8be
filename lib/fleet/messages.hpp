#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What is asked of etcd's JSON gateway, API v3, and what it answers (etcd.io, "gRPC gateway"; the fields are
/// those of rpc.proto). Names and values are bytes here, base64 on the way.
namespace chronoknock::fleet {

struct compare {
    enum class field { create_revision, mod_revision };
    std::string name;
    field of = field::create_revision;
    std::int64_t equals = 0; ///< 0: there is no such entry
    bool operator==(const compare&) const = default;
};
struct put {
    std::string name;
    std::string value;
    std::int64_t lease = 0; ///< 0: none
    bool operator==(const put&) const = default;
};
/// One entry, or with an end those in [name, end).
struct erase {
    std::string name;
    std::string end = {};
    bool operator==(const erase&) const = default;
};
struct range {
    std::string name;
    std::string end = {};
    std::int64_t limit = 0;    ///< 0: all
    std::int64_t revision = 0; ///< 0: the newest
    bool count_only = false;
    bool operator==(const range&) const = default;
};
using operation = std::variant<put, erase, range>;
/// Where all compares hold, `then` is done, else `otherwise`.
struct transaction {
    std::vector<compare> compares;
    std::vector<operation> then;
    std::vector<operation> otherwise;
    bool operator==(const transaction&) const = default;
};
inline constexpr std::size_t most_operations = 128; ///< etcd's own --max-txn-ops

inline constexpr const char* txn_path = "/v3/kv/txn";
inline constexpr const char* range_path = "/v3/kv/range";
inline constexpr const char* watch_path = "/v3/watch";
inline constexpr const char* lease_path = "/v3/lease/grant";
inline constexpr const char* authenticate_path = "/v3/auth/authenticate";

std::string to_json(const transaction& t);
std::string to_json(const range& r);
/// What happens to [name, end) from a revision on.
std::string watch_request(const std::string& name, const std::string& end, std::int64_t revision);
std::string lease_request(std::int64_t seconds);
std::string authenticate_request(std::string_view user, std::string_view password);

struct header {
    std::uint64_t cluster = 0;
    std::int64_t revision = 0;
    bool operator==(const header&) const = default;
};
struct entry {
    std::string name;
    std::string value;
    std::int64_t revision = 0; ///< of its last change
};
struct range_answer {
    header head;
    std::vector<entry> entries;
    bool more = false; ///< than its limit
};
struct transaction_answer {
    header head;
    bool succeeded = false;
    std::vector<range_answer> ranges; ///< of the ranges among the operations that were done
};
struct event {
    bool erased = false;
    entry what; ///< of an erased one without its value
};
struct watch_answer {
    header head;
    bool created = false;
    bool canceled = false;
    std::int64_t compacted = 0; ///< not 0: what happened before this revision is not known any more
    std::string reason;
    std::vector<event> events;
    /// The revision up to which all has been told by now; 0: it does not say. Of many events etcd sends some,
    /// and has the revision of all in the header already: who went on from there would miss the others.
    std::int64_t told_until() const;
};
struct lease_answer {
    std::int64_t id = 0;
    std::int64_t seconds = 0;
};

result<transaction_answer> parse_transaction_answer(std::string_view text);
result<range_answer> parse_range_answer(std::string_view text);
/// One line of the stream.
result<watch_answer> parse_watch_answer(std::string_view text);
result<lease_answer> parse_lease_answer(std::string_view text);
/// The token.
result<std::string> parse_authenticate_answer(std::string_view text);

/// What an answer of another HTTP status than 200 says.
struct complaint {
    int code = 2;     ///< of gRPC: 14 unavailable, 16 unauthenticated, 5 not found
    std::string text; ///< printable
    /// Another member may do it, or the same one later.
    bool may_pass() const {
        return code == 14 || code == 4 || code == 1 || (code == 8 && !is_full() && !is_too_large()) ||
               code == 2;
    }
    /// The cluster has no room left, and takes no writes until somebody makes some.
    bool is_full() const { return code == 8 && text.find("space exceeded") != text.npos; }
    /// The gateway cannot get so large an answer from its member.
    bool is_too_large() const { return code == 8 && text.find("larger than max") != text.npos; }
};
complaint parse_complaint(std::string_view text);

} // namespace chronoknock::fleet
