#include "timesync/leap_watch.hpp"

namespace chronoknock::timesync {
namespace {

// A server may show the new month for a moment before it takes the second back.
constexpr nanoseconds repeated = seconds(1);

unix_time next_month(unix_time t) {
    const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(t));
    return std::chrono::sys_days((date.year() / date.month() + std::chrono::months(1)) / 1);
}

} // namespace

void leap_watch::announce(bool leap, unix_time now) {
    if (phase_ == phase::passing) return;
    if (!leap) {
        phase_ = phase::quiet;
    } else if (phase_ == phase::quiet) {
        phase_ = phase::announced;
        at_ = next_month(now);
    }
}

leap_watch::step leap_watch::advance(const time_estimate& now) {
    if (phase_ == phase::announced && now.t + now.error >= begins()) {
        phase_ = phase::passing;
        return step::begins;
    }
    if (phase_ == phase::passing && now.t - now.error > at_ + repeated) {
        phase_ = phase::quiet;
        return step::ends;
    }
    return step::none;
}

nanoseconds leap_watch::doubt(unix_time transmit) const {
    return phase_ == phase::passing && transmit < at_ + repeated ? size : nanoseconds(0);
}

} // namespace chronoknock::timesync
