#pragma once

#include "base/ini.hpp"
#include "config/fields.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace chronoknock::config {

/// What a program is run for.
enum class event_kind {
    time,    ///< no knock counts for want of a time, or they count again
    grant,   ///< a knock opened something
    refusal, ///< a knock was refused
};
inline constexpr std::size_t event_kinds = 3;

/// [events]
struct event_settings {
    std::vector<std::string> command; ///< program and arguments; none: nothing is run
    std::vector<event_kind> on = {event_kind::grant, event_kind::refusal, event_kind::time};
    std::uint32_t limit = 10; ///< runs a minute, of each kind
    nanoseconds time_limit = seconds(10);
    bool operator==(const event_settings&) const = default;
};

/// Words as split_words() finds them: at most 64, the first of them an absolute path.
result<std::vector<std::string>> parse_command(std::string_view text);

/// What is done with [events].
fields<event_settings> event_fields();

} // namespace chronoknock::config
