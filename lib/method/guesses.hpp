#pragma once

#include "config/server.hpp"

#include <algorithm>
#include <cmath>

namespace chronoknock::method {

/// -log2 of the chance that one packet of a stranger, whatever ports he picks, completes one given sequence
/// of m ports, each of which he guesses with the chance q (chronoknock-protocol(7), SECURITY BUDGET).
/// memory: packets that count in set mode.
inline double bits_against_guesses(double m, double q, config::matching mode, double memory) {
    double bits = -m * std::log2(q);
    if (mode == config::matching::strict) return bits;
    // m * (M-1)! / (M-m)!; a memory shorter than the sequence cannot hold it, and the factors end at 1.
    bits -= std::log2(m);
    for (double i = 1; i < m; ++i) bits -= std::log2(std::max(1.0, memory - i));
    return bits;
}

} // namespace chronoknock::method
