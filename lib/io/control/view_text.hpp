#pragma once

#include "base/error.hpp"

#include <boost/json/object.hpp>
#include <string>

/// The daemon's answers for people. An error: the answer is not what this program knows.
namespace chronoknock::io {

/// Of operation "status": lines for the whole, a table of keys, and one of grants.
result<std::string> status_text(const boost::json::object& status);
/// Of operation "grants".
result<std::string> grants_text(const boost::json::object& grants);
/// Of operation "fleet": the cluster, and a table of hosts.
result<std::string> fleet_text(const boost::json::object& fleet);
/// Of operation "history": a line for each entry.
result<std::string> history_text(const boost::json::object& history);
/// One entry of it, a line without its end.
result<std::string> event_text(const boost::json::object& entry);

} // namespace chronoknock::io
