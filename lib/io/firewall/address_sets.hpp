#pragma once

#include "base/address.hpp"
#include "base/time.hpp"
#include "firewall/rules.hpp"
#include "io/firewall/netlink.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::io {

/// A set of addresses that the operator's own rules refer to.
struct set_place {
    firewall::table_name table; ///< nf_tables; none where sets are in no table
    std::string name;
    int family = 4; ///< of the addresses in it: 4 or 6
    bool operator==(const set_place&) const = default;
};

/// An address in such a set.
struct set_member {
    address who;
    std::optional<milliseconds> left;       ///< none: it stays for ever
    bool ours = false;                      ///< put there by us, as far as the kernel can tell
    std::vector<std::uint8_t> comment = {}; ///< as the kernel keeps it (nf_tables)
};

/// What the sets of nf_tables and of ipset have in common. Each call is one step; errors are the kernel's,
/// no_such_file_or_directory among them where the set is not there.
class address_sets {
public:
    virtual ~address_sets() = default;

    /// What is the case with a set.
    struct sight {
        std::string unfit;        ///< what was expected of it; empty: addresses can be put there for a while
        std::uint64_t handle = 0; ///< another one than before: it was made anew. 0: the kernel has none
        bool empty = false;       ///< nothing is in it; only told where there is no handle
        bool referred = true;     ///< some rule refers to it
    };
    virtual netlink_result<sight> look(const set_place& p) = 0;

    /// What is in it of an address; nothing if it is not there.
    virtual netlink_result<std::optional<set_member>> find(const set_place& p, const address& who) = 0;
    /// Puts an address there as ours, or begins its time anew.
    virtual netlink_result<void> put(const set_place& p, const address& who, milliseconds timeout) = 0;
    /// Puts back what was there of others before.
    virtual netlink_result<void> put_theirs(const set_place& p, const set_member& m) = 0;
    /// Takes it out; if it is not there nothing fails.
    virtual netlink_result<void> take(const set_place& p, const address& who) = 0;
    /// All of it, which takes some microseconds for each.
    virtual netlink_result<void> list(const set_place& p,
                                      const std::function<void(const set_member&)>& each) = 0;

    /// What the kernel's messages about changes of ours carry; 0: it has none about changes.
    virtual std::uint32_t port() const { return 0; }
};

} // namespace chronoknock::io
