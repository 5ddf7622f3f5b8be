#pragma once

namespace chronoknock {

/// For std::visit: one handler for each alternative.
template <class... Handlers>
struct each_of : Handlers... {
    using Handlers::operator()...;
};

} // namespace chronoknock
