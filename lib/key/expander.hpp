#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::key {

/// HKDF-Expand (RFC 5869, section 2.3) with a key as PRK: T(i) = HMAC(PRK, T(i-1) || info || i). Keyed once;
/// a copy of the key is not kept. Not for two threads at a time.
class expander {
public:
    /// digest: OpenSSL's name of it. Throws std::runtime_error if OpenSSL has no HMAC with it.
    expander(const std::string& digest, std::span<const std::uint8_t> prk);
    expander(expander&&) noexcept;
    expander& operator=(expander&&) noexcept;
    ~expander();

    void expand(std::span<const std::uint8_t> info, std::span<std::uint8_t> out);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// t as 8 bytes, most significant first.
void store_time(std::int64_t t, std::uint8_t* out);

/// What a derivation says that it is for (chronoknock-protocol(7), DERIVATION): "chronoknock/1", realm,
/// service and purpose, a zero byte after each, then whatever is added. One buffer, kept from one derivation
/// to the next.
class label {
public:
    /// service: empty for all, or where it plays no part.
    void begin(std::string_view realm, std::string_view service, std::string_view purpose);
    void add(std::span<const std::uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    void add(std::uint8_t byte) { bytes_.push_back(byte); }
    void add_time(std::int64_t t0);
    const std::vector<std::uint8_t>& bytes() const { return bytes_; }

private:
    std::vector<std::uint8_t> bytes_;
};

} // namespace chronoknock::key
