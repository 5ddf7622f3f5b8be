#pragma once

#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Pictures as SVG within HTML: no script, nothing from elsewhere. Their colours are classes of the page's
/// style (page_style).
namespace chronoknock::report {

/// What a picture covers, in columns of the same width.
struct time_axis {
    unix_time begin;
    unix_time end;
    std::size_t columns;

    /// The column of a moment; none outside.
    std::optional<std::size_t> column(unix_time t) const;
    unix_time start_of(std::size_t column) const;
};

/// One of the things that a stack of bars is made of.
struct bar_kind {
    std::string_view name;             ///< for the legend and who points at a bar
    std::string_view style;            ///< class
    std::vector<std::uint64_t> counts; ///< of each column
};

/// Bars by time, kinds on top of each other. known: columns of which anything is known; the others are marked
/// as such. Empty: all.
std::string bar_chart(std::string_view title, const time_axis& axis, const std::vector<bar_kind>& kinds,
                      const std::vector<bool>& known = {});

/// A column of a band: its middle and how far it reaches.
struct band_column {
    nanoseconds middle{0};
    nanoseconds reach{0};
};

/// A line within a band, about zero, broken where nothing is known.
std::string band_chart(std::string_view title, const time_axis& axis,
                       const std::vector<std::optional<band_column>>& columns);

/// A strip with a mark for each column in which something was counted.
std::string strip(std::string_view label, const std::vector<std::uint64_t>& counts);

/// A bar across, n of most.
std::string share_bar(std::uint64_t n, std::uint64_t most);

/// The least of 1, 2, 5, 10, 20, 50... that is not below n.
std::uint64_t round_up(std::uint64_t n);
/// "250 us", "1.5 ms", "30 s": for people.
std::string length(nanoseconds d);
/// "12,345"
std::string grouped(std::uint64_t n);
/// Text within HTML, between tags or quotation marks, whoever wrote it; printable() first.
std::string escaped(std::string_view text);

} // namespace chronoknock::report
