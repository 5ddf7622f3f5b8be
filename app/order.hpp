#pragma once

#include "app/request.hpp"
#include "config/profile.hpp"
#include "io/client/socket_address.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::app {

/// What a client is to do: of the options, which come first, the profile and the key.
struct order {
    config::profile profile;
    key::credential_ptr key;                 ///< of read_order never none
    method::knock_request request;           ///< less source, at and random
    std::optional<io::destination> resolver; ///< that carries the knock; none: it goes to the target
    std::optional<std::int64_t> at; ///< the moment or number asked for; none: as the time or the memory says
    /// The knock is to open for an address of each family. none: the one to be named is found.
    struct pair_wish {
        std::optional<address> named;
    };
    std::optional<pair_wish> pair;
    bool no_wait = false; ///< fail where the next window would have to be waited for
    bool quiet = false;   ///< tell of failures alone
    bool verbose = false; ///< tell each step
    bool v4 = true;       ///< the target's IPv4 addresses are wanted
    bool v6 = true;       ///< its IPv6 addresses are
};

/// Adds the options of whatever knocks: of the key, the time, the way and the packets.
void add_order_options(po::options_description& options);

/// Reads these, the target (a host beside a key, or a profile) and the options of add_request_options. A
/// message has been said where it throws stop. The same in steps: the profile, with what the options say
/// otherwise; the key, of its file or of an option that takes its place; the rest, without what depends on
/// the key where that is none.
config::profile read_profile(const po::variables_map& options, const usage& u);
result<key::credential_ptr> read_key(const po::variables_map& options, const config::profile& p);
order make_order(const po::variables_map& options, config::profile profile, key::credential_ptr key);
order read_order(const po::variables_map& options, const usage& u);

} // namespace chronoknock::app
