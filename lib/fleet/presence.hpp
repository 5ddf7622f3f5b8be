#pragma once

#include "fleet/messages.hpp"
#include "fleet/seal.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace chronoknock::fleet {

/// Writes down that this host is there, and notices another one that does so under the same name.
class presence {
public:
    explicit presence(const seal& s) : seal_(&s) {}

    /// h: what is to be told; is_doubled is set here.
    transaction request(host_record h, std::int64_t lease);
    /// True if another host of the same name has just become known.
    bool answered(const transaction_answer& a);
    /// Another host had written since the last time.
    bool is_doubled() const { return is_doubled_; }

private:
    bool is_anothers(const entry& found) const;

    static constexpr std::size_t most_sent = 100;

    const seal* seal_;
    std::int64_t revision_ = 0;    ///< of what this host wrote last; 0: this process has written nothing yet
    unix_time seen_{};             ///< that it said
    std::deque<host_record> sent_; ///< since then; one whose answer was lost may be there
    bool is_doubled_ = false;
};

} // namespace chronoknock::fleet
