#pragma once

#include "app/order.hpp"

#include <string_view>

namespace chronoknock::app {

/// Says on a terminal what goes on, for as long as it lives; nothing on a pipe or with --quiet.
class progress {
public:
    progress(const order& o, std::string_view doing);
    ~progress();
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

private:
    bool shown_;
};

} // namespace chronoknock::app
