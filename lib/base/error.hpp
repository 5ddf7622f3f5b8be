#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>

namespace chronoknock {

/// What went wrong, as one line a person can act on: what, where, what was expected.
struct error {
    std::string text;

    bool operator==(const error&) const = default;
};

/// A value, or why there is none; not to be overlooked.
template <class T>
class [[nodiscard]] result : public boost::system::result<T, error> {
public:
    using boost::system::result<T, error>::result;
};

/// Called by result::value() when there is no value.
[[noreturn]] inline void throw_exception_from_error(const error& e, const boost::source_location&) {
    throw std::runtime_error(e.text);
}

} // namespace chronoknock
