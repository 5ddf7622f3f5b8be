#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace chronoknock::io {

/// JSON text with numbers as people write them: 2 and 0.0015, where Boost.JSON has 2E0 and 1.5E-3. What JSON
/// has no number for (infinity) is null.
std::string plain_json(const boost::json::value& v);

} // namespace chronoknock::io
