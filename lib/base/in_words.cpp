#include "base/in_words.hpp"

#include <cmath>
#include <iomanip>
#include <sstream>

namespace chronoknock {

std::string in_words(nanoseconds d) {
    std::ostringstream text;
    const auto ms = std::chrono::duration<double, std::milli>(d).count();
    if (std::abs(ms) < 1000)
        text << std::setprecision(3) << ms << " ms";
    else
        text << std::fixed << std::setprecision(1) << ms / 1000 << " s";
    return text.str();
}

} // namespace chronoknock
