#include "base/date.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <chrono>

namespace chronoknock {

namespace {

/// A number of exactly so many digits, taken from the beginning; -1 if it is none.
int take_digits(std::string_view& text, std::size_t digits) {
    const auto part = text.substr(0, digits);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (part.size() != digits || !std::ranges::all_of(part, is_digit)) return -1;
    int n = 0;
    for (const char c : part) n = 10 * n + (c - '0');
    text.remove_prefix(digits);
    return n;
}

bool take(std::string_view& text, std::string_view one_of) {
    if (text.empty() || one_of.find(text.front()) == one_of.npos) return false;
    text.remove_prefix(1);
    return true;
}

} // namespace

result<unix_time> parse_date(std::string_view text) {
    namespace ch = std::chrono;
    const error unfit{"expected a date like 2026-12-31, or 2026-12-31 18:00 (UTC), not '" + printable(text) +
                      "'"};
    const int year = take_digits(text, 4);
    if (year < 1970 || year > 2200 || !take(text, "-")) return unfit;
    const int month = take_digits(text, 2);
    if (month < 1 || !take(text, "-")) return unfit;
    const int day = take_digits(text, 2);
    if (day < 1) return unfit;
    const ch::year_month_day date{ch::year(year), ch::month(static_cast<unsigned>(month)),
                                  ch::day(static_cast<unsigned>(day))};
    if (!date.ok()) return unfit;
    const unix_time first = ch::sys_days(date);
    if (text.empty()) return first;

    if (!take(text, " T")) return unfit;
    const int hour = take_digits(text, 2);
    if (hour < 0 || hour > 23 || !take(text, ":")) return unfit;
    const int minute = take_digits(text, 2);
    if (minute < 0 || minute > 59) return unfit;
    const int second = take(text, ":") ? take_digits(text, 2) : 0;
    if (second < 0 || second > 59) return unfit;
    take(text, "Z");
    if (!text.empty()) return unfit;
    return first + ch::hours(hour) + ch::minutes(minute) + ch::seconds(second);
}

namespace {

constexpr std::int64_t most_days = 36500;
constexpr std::chrono::hours day{24};

/// Days too, which durations of a configuration do not have.
result<nanoseconds> parse_length(std::string_view text) {
    if (!text.ends_with('d')) return parse_duration(text, nanoseconds(0), day * most_days);
    const auto days = parse_number(text.substr(0, text.size() - 1), 0, most_days);
    if (!days) return days.error();
    return nanoseconds(day * *days);
}

} // namespace

result<unix_time> parse_moment(std::string_view text, unix_time now, direction way) {
    constexpr std::int64_t latest = 4'000'000'000;
    if (text.starts_with('@'))
        if (const auto n = parse_number(text.substr(1), 0, latest)) return unix_time(seconds(*n));
    if (const auto length = parse_length(text)) return way == direction::back ? now - *length : now + *length;
    if (const auto date = parse_date(text)) return *date;
    return error{"expected so long (30d, 12h, 90m, or seconds), @UNIXTIME or a date like 2026-12-31 or "
                 "2026-12-31 18:00 (UTC), not '" +
                 printable(text) + "'"};
}

} // namespace chronoknock
