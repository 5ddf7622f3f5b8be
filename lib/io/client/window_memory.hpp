#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "client/window.hpp"
#include "io/store/sqlite.hpp"
#include "key/credential.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace chronoknock::io {

/// What a burnt window of the client's is known by. No secret is in it.
struct window_owner {
    std::string target;  ///< address of the server
    std::string key;     ///< its fingerprint
    std::string service; ///< empty: all
    std::string source;  ///< empty: the key ignores the address
};

window_owner owner_of(const key::credential& k, const address& target, const std::string& service,
                      const address& source);

/// The windows that knocks of this user were last sent for, in a database of his own.
class window_memory {
public:
    /// Opens the database, making it and its folders, for the user alone, if need be.
    static result<window_memory> open(const std::string& path);

    using chooser = std::function<result<client::turn>(std::optional<std::int64_t> last)>;

    /// Asks `choose` for a turn, given the window used last, and when it need not wait, notes it as used: in
    /// one transaction, so that two knocks at a time do not take the same window. An error of `choose` leaves
    /// all as it was.
    result<client::turn> claim(const window_owner& owner, const chooser& choose);

    /// Takes back the claim of `claimed`, of which nothing was sent: `before` is the one used last again,
    /// unless another one was claimed meanwhile.
    result<void> release(const window_owner& owner, std::int64_t claimed, std::optional<std::int64_t> before);

private:
    explicit window_memory(database db) : db_(std::move(db)) {}

    database db_;
};

/// Where the client's database is: $XDG_STATE_HOME/chronoknock/client.db, by default in ~/.local/state; an
/// error without a home.
result<std::string> window_memory_path();

} // namespace chronoknock::io
