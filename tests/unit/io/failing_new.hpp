#pragma once

/// While it lives, the n-th allocation of this thread by `new` or aligned_alloc, and all after it, fail. 0:
/// none does.
class failing_new {
public:
    explicit failing_new(long n);
    ~failing_new();
    failing_new(const failing_new&) = delete;
    failing_new& operator=(const failing_new&) = delete;

    /// True if one failed.
    bool failed() const;
};
