#include "report/series.hpp"

#include <utility>

namespace chronoknock::report {

namespace {

std::uint64_t since(std::uint64_t before, std::uint64_t shown) {
    return shown < before ? shown : shown - before;
}

} // namespace

period sampler::take(instant now, unix_time t, const totals& shown, const std::optional<clock_state>& clock) {
    const auto before = std::exchange(before_, shown);
    const auto begin = std::exchange(begin_, now);
    return {t,
            now - begin,
            since(before.syns, shown.syns),
            since(before.granted, shown.granted),
            since(before.refused, shown.refused),
            since(before.failed, shown.failed),
            clock};
}

} // namespace chronoknock::report
