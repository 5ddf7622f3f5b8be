#pragma once

#include "timesync/synchroniser.hpp"

#include <cstdint>
#include <random>
#include <vector>

/// A machine with a bad oscillator, paths with bad manners and servers of both sorts, all from one seed.
namespace simulation {

using namespace chronoknock;
using namespace std::chrono_literals;

inline nanoseconds from_seconds(double s) { return nanoseconds(static_cast<std::int64_t>(s * 1e9)); }

/// adaptive: sees our bound, and stays just at its edge; smearing: a leap second, over a day
enum class lie { none, constant, drifting, colluding, adaptive, smearing };

struct server {
    lie how = lie::none;
    double from = 0;       ///< true seconds since the start when it turns bad
    double offset = 0;     ///< seconds
    double rate = 0;       ///< drifting
    double root_delay = 0; ///< declared
    double root_dispersion = 0;
    double phase = 0; ///< of an honest one's own error, which stays within what it declares
    double there = 0; ///< one-way delays, seconds
    double back = 0;
    double jitter = 0; ///< mean of what comes on top
    double loss = 0;
    double edge = 0.9; ///< adaptive: of our bound

    double error_at(double t) const; ///< not of adaptive and smearing ones
};

struct options {
    std::size_t servers = 5;
    std::size_t liars = 0;
    nanoseconds length = 24h;
    unix_time start = std::chrono::sys_days(std::chrono::year(2026) / 5 / 1);
    bool sleeps = false; ///< once, for hours
    bool outage = false; ///< all answers are lost, for hours

    int naps = 0;           ///< sleeps of a second to hours
    int pauses = 0;         ///< of the virtual machine, with all its clocks, whose system clock is then set
    bool slewed = false;    ///< a daemon bends the system clock
    bool steps = false;     ///< of the frequency, up to 2 ppm
    double steps_apart = 0; ///< seconds between two of them, at the least
    bool ramps = false;     ///< temperature: 10 ppm in an hour, there and back; 1 ppm a minute, for minutes
    bool reroutes = false;  ///< the paths' delays change, asymmetry and all
    bool replays = false;   ///< somebody sends old answers again; some answers come late
    bool adaptive = false;  ///< liars are
    bool smears = false;    ///< liars do nothing but smear
    int leap = 0;           ///< at the end of the month: +1 a second is inserted, -1 left out
    double kisses_from = 1e18; ///< true seconds since the start: forged ones, and nothing else comes through
    double kisses_to = 1e18;
    bool local = false; ///< servers at addresses of the own network: asked more often
    double wan = 0;     ///< all paths alike: delay and jitter of each way
    bool quiet = false; ///< a machine in a cool room
};

struct tally {
    std::size_t checks = 0;
    std::size_t with_time = 0;
    std::size_t violations = 0;
    std::size_t queries = 0;
    std::size_t steps = 0;
    double back_after_kisses = -1; ///< seconds until there was a time again; -1: never
    nanoseconds worst{0};          ///< violation
    std::vector<float> errors;     ///< e, in seconds, each ten minutes
    timesync::report last;
    unix_time end_truth;
};

/// Lives through the options' length.
tally run(std::uint64_t seed, const options& o);

} // namespace simulation
