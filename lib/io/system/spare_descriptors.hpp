#pragma once

namespace chronoknock::io {

/// A few descriptors are kept back, so that the guard can be put back when the process has no other left
/// (RLIMIT_NOFILE). While one of these lives they are free for use; with the last of them they are kept back
/// again, from the first time on. For one thread.
class spare_descriptors {
public:
    spare_descriptors();
    ~spare_descriptors();
    spare_descriptors(const spare_descriptors&) = delete;
    spare_descriptors& operator=(const spare_descriptors&) = delete;
};

} // namespace chronoknock::io
