#pragma once

#include "grant/actions.hpp"

#include <string>
#include <vector>

/// What is to be opened, in words for log and history.
namespace chronoknock::granting {

/// Those to each address, in the order in which they come.
std::vector<std::vector<opening>> by_address(const std::vector<opening>& openings);

/// "ssh, web", or with the durations "ssh for 30s, web for 1m".
std::string services_of(const std::vector<opening>& openings, bool with_duration = false);

/// "30s, 1m": of each.
std::string durations_of(const std::vector<opening>& openings);

/// "ssh for 30s, web for 1m to 192.0.2.1 and 2001:db8::1": of a knock, which asks the same for each address.
std::string in_words(const std::vector<opening>& openings, bool with_duration);

} // namespace chronoknock::granting
