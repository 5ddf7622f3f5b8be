#pragma once

#include "base/error.hpp"
#include "packet/event.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace chronoknock::packet {

/// How the lines of a firewall's log are read: an RE2 expression with groups that are named for what they
/// hold (chronoknock-protocol(7), THE LOG AS A SOURCE): src, dst and dpt; where the log has them proto, spt,
/// seq and flags.
class log_format {
public:
    /// `pattern`: the expression; empty: the one for netfilter's LOG format. It is looked for anywhere in a
    /// line, unless it says otherwise by ^ and $. An error says what is wrong with it, in one line.
    static result<std::shared_ptr<const log_format>> compile(std::string_view pattern);

    /// Reads one line, without its line break. True, and `out` written, if it tells of a TCP SYN or of a UDP
    /// datagram: without proto all are TCP; with flags SYN has to be among them, and none of ACK, RST and
    /// FIN. Fields that are no addresses or ports, addresses of two families, IPv4-mapped IPv6 ones, and what
    /// was sent to a group or to all, are passed over. Never throws for what stands in the line; its time is
    /// linear in the line's length.
    [[nodiscard]] bool read(std::string_view line, event& out) const;

    /// False if text at the beginning of a line, whoever wrote it, may stand before what matches.
    bool anchored() const;

private:
    explicit log_format(std::unique_ptr<re2::RE2> expression);

    /// Numbers of the groups; 0: there is none.
    struct groups {
        int src = 0, dst = 0, dpt = 0, proto = 0, spt = 0, seq = 0, flags = 0;
    };
    result<void> find_groups();

    std::shared_ptr<const re2::RE2> expression_;
    groups groups_;
    int most_group_ = 0; ///< 0: netfilter's format, whose fields have names of their own
};

} // namespace chronoknock::packet
