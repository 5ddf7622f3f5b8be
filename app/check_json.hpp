#pragma once

#include "app/check_doubts.hpp"
#include "app/check_online.hpp"

#include <boost/json/object.hpp>

namespace chronoknock::app {

/// What a configuration comes to: settings, services and keys. Times are seconds; no secret is in it.
boost::json::object describe(const config::server& s, const newest_places& used);

/// What the time servers said; doubts are among the warnings of the whole.
boost::json::object to_json(const online_findings& found);

} // namespace chronoknock::app
