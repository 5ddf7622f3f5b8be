#include "app/progress.hpp"

#include <iostream>
#include <string>
#include <unistd.h>

namespace chronoknock::app {

progress::progress(const order& o, std::string_view doing)
    : shown_(!o.quiet && ::isatty(STDERR_FILENO) == 1) {
    if (shown_) std::cerr << "chronoknock: " + std::string(doing) + " ..." << std::flush;
}

progress::~progress() {
    if (shown_) std::cerr << "\r\033[K" << std::flush;
}

} // namespace chronoknock::app
