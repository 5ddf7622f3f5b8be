#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "io/store/sqlite.hpp"

#include <optional>
#include <string>
#include <utility>

namespace chronoknock::io {

/// The round trips that connections of this user measured last, beside the windows that were used
/// (window_memory, in the same file).
class path_memory {
public:
    static result<path_memory> open(const std::string& path);

    /// Of a connection to `target` from `source`; none: there was none.
    std::optional<nanoseconds> round_trip(const address& target, const address& source);
    result<void> note(const address& target, const address& source, nanoseconds round_trip);

private:
    explicit path_memory(database db) : db_(std::move(db)) {}

    database db_;
};

} // namespace chronoknock::io
