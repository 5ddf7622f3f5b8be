#pragma once

#include "base/error.hpp"
#include "io/store/sqlite.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace chronoknock::io {

/// What keys of this user have opened, beside the windows that were used (window_memory, in the same file):
/// what worked before and does not now has another reason than what never did. No secret is in it.
class opened_memory {
public:
    static result<opened_memory> open(const std::string& path);

    struct before {
        bool key = false;     ///< the key has opened something on the host
        bool service = false; ///< and this service
    };
    /// host: as the user names it. key: its fingerprint. service: empty: all that the key may open.
    before find(const std::string& host, const std::string& key, const std::string& service);
    /// at: seconds since the epoch.
    result<void> note(const std::string& host, const std::string& key, const std::string& service,
                      std::int64_t at);

private:
    explicit opened_memory(database db) : db_(std::move(db)) {}

    database db_;
};

} // namespace chronoknock::io
