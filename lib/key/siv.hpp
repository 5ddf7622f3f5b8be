#pragma once

#include "base/error.hpp"
#include "base/reader.hpp"
#include "key/expander.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

namespace chronoknock::key {

/// AEAD_AES_SIV_CMAC_256 (RFC 5297): what every NTS server must know (RFC 8915, section 5.1), and what sealed
/// knocks and challenges are made with. Safe even if a nonce comes twice. What OpenSSL makes of the key is
/// kept from the first use on (1.5 KB), since to make it costs more than a short message does. Not for two
/// threads at a time.
class siv {
public:
    static constexpr std::size_t key_size = 32;
    static constexpr std::size_t tag_size = 16;
    using key_bytes = std::array<std::uint8_t, key_size>;

    explicit siv(const key_bytes& k);
    siv(const siv& other);
    siv& operator=(const siv& other);
    siv(siv&& other) noexcept;
    siv& operator=(siv&& other) noexcept;
    ~siv();

    /// With a key that is expanded from another one for `info`; no copy of it is left behind.
    static siv derive(expander& e, byte_view info);

    /// tag || ciphertext. associated: in order; with a nonce, that comes last (RFC 5297, section 3). An error
    /// only if OpenSSL fails.
    result<std::vector<std::uint8_t>> seal(std::initializer_list<byte_view> associated,
                                           byte_view plain) const;

    /// The plaintext, or an error if tag || ciphertext was not sealed by this key with this associated data.
    result<std::vector<std::uint8_t>> open(std::initializer_list<byte_view> associated,
                                           byte_view sealed) const;

private:
    siv();
    class contexts;
    /// Null if OpenSSL fails.
    contexts* use() const;

    key_bytes key_{};
    mutable std::unique_ptr<contexts> contexts_;
};

} // namespace chronoknock::key
