#pragma once

#include "base/reader.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

namespace chronoknock::key {

/// HMAC (RFC 2104), keyed once; a copy of the key is not kept. Not for two threads at a time.
class hmac {
public:
    static constexpr std::size_t most_size = 64;

    /// digest: OpenSSL's name of it. Throws std::runtime_error if OpenSSL has no HMAC with it.
    hmac(const std::string& digest, byte_view key);
    hmac(hmac&&) noexcept;
    hmac& operator=(hmac&&) noexcept;
    ~hmac();

    std::size_t size() const;
    /// That of the parts of a message, joined; out: size() bytes.
    void operator()(std::initializer_list<byte_view> parts, std::uint8_t* out);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Compares in a time that does not tell where two texts of the same length differ.
bool same(byte_view a, byte_view b);

} // namespace chronoknock::key
