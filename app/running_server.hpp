#pragma once

#include "io/control/protocol.hpp"

#include <boost/json/object.hpp>
#include <string>
#include <vector>

namespace chronoknock::app {

/// Has the running server take up a changed configuration, and says what came of it. False: a server is
/// there, and did not. control: its socket. may_lose_keys: it may be without a key from now on.
bool take_up(const std::string& control, bool may_lose_keys = false);

/// The names of the keys that the running server goes by; none: nobody answers.
std::vector<std::string> keys_served(const std::string& control);

/// A `revoke` found neither the key nor anything of it, or of the address, to end.
bool found_nothing(const io::refusal& why);

/// Says, of what came of a `revoke --cut`, which connections are cut, and which are not, because addresses of
/// the key are forgotten, if some are. Throws where that is no answer.
void tell_of_forgotten(const boost::json::object& revoked);

/// What came of ending the grants of keys.
enum class ending {
    all,
    nothing, ///< the server knows none of the keys
    not_all
};

/// Ends the grants of keys that are no longer in the configuration; cut: and their connections. Says what
/// came of it, unless that is nothing. Where no server runs, nothing is cut.
ending end_grants(const std::string& control, const std::vector<std::string>& keys, bool cut);

} // namespace chronoknock::app
