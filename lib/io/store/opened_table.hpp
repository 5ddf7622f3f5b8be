#pragma once

#include "grant/opened.hpp"
#include "io/store/sqlite.hpp"

#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

/// What each key opened last, to which address (granting::opened_grant). Each call but take_over_history()
/// and put_opened() is one transaction.
namespace chronoknock::io {

/// Which grant: key, address, service.
using opened_id = std::tuple<std::string, prefix, std::string>;

/// What of it ended. A grant that was made anew meanwhile has not.
struct ended_by {
    unix_time at = unix_time::max();    ///< made by then
    unix_time until = unix_time::max(); ///< good until then at most, or as long as it had a connection
};
using ended_grants = std::map<opened_id, ended_by>;

/// All that is known of what a key opened.
struct opened_by_key {
    std::vector<granting::opened_grant> grants;
    std::set<std::string> forgotten; ///< services that it opened for addresses that made room for others
};

/// What a file of version 1 knew by its history, into the table, which is new.
result<void> take_over_history(database& db);

/// Writes grants down, within the transaction of the caller.
result<void> put_opened(database& db, std::span<const granting::opened_grant> grants);
/// These have ended: of a key, or with an empty name of whichever.
result<void> end_opened(database& db, const ended_grants& grants);
/// The backend that grants go to from now on, and the answer: to which they went before. Empty: not known.
result<std::string> exchange_backend(database& db, const std::string& name);
/// Forgets of each of these keys what is more than is kept (granting::least_opened_for).
result<void> trim_opened(database& db, const std::set<std::string>& keys);

/// What has not ended, the oldest first.
result<std::vector<granting::opened_grant>> open_grants(database& db);
/// The newest of each key.
result<std::vector<granting::opened_grant>> newest_opened(database& db);
result<opened_by_key> opened_of(database& db, const std::string& key);
/// What any of these keys opened: address and service.
result<std::set<std::pair<prefix, std::string>>> opened_by(database& db, const std::set<std::string>& keys);

} // namespace chronoknock::io
