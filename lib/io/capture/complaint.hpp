#pragma once

#include "base/time.hpp"

#include <exception>
#include <optional>
#include <string>

namespace chronoknock::io {

/// What a handler threw, as text for the log, once a minute at most: a stranger may have found out how.
class complaint {
public:
    std::optional<std::string> text(const std::exception_ptr& thrown, instant now) {
        if (last_ && now - *last_ < std::chrono::minutes(1)) return std::nullopt;
        last_ = now;
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& e) {
            return e.what();
        } catch (...) {
            return "unknown";
        }
    }

private:
    std::optional<instant> last_;
};

} // namespace chronoknock::io
