#pragma once

#include "app/options.hpp"
#include "method/method.hpp"

namespace chronoknock::app {

/// What is wrong with a key file that can only be the server's (key::credential::can_knock).
std::string server_has_it(const std::string& file);

/// Adds the options for what a knock can ask for besides a service: --carrier, --open-for, and where the
/// knocker need not come in himself --for and --close.
void add_request_options(po::options_description& options, bool comes_in = false);

/// Sets these in a request; one that the key's method does not carry, or a value that does not fit, throws
/// stop.
void read_request(const po::variables_map& options, const key::credential& k, method::knock_request& r);

} // namespace chronoknock::app
