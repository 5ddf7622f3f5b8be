#pragma once

#include "grant/actions.hpp"
#include "io/log/log.hpp"

namespace chronoknock::io {

/// The log's level for what a pure room wants told.
inline log::level level_of(granting::severity s) {
    switch (s) {
    case granting::severity::info:
        return log::level::info;
    case granting::severity::warning:
        return log::level::warning;
    case granting::severity::error:
        return log::level::error;
    }
    return log::level::error;
}

} // namespace chronoknock::io
