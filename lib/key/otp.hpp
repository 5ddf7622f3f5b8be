#pragma once

#include "base/error.hpp"
#include "key/digest.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// One-time passwords of RFC 2289.
namespace chronoknock::key {

enum class otp_function { md5, sha1 };

/// "otp-md5", "otp-sha1": the field `function`.
std::string_view to_string(otp_function f);
result<otp_function> parse_otp_function(std::string_view text);

/// A password: its 64 bits as a number, the first byte the most significant.
using otp_value = std::uint64_t;

/// The hash function with the folding to 64 bits (RFC 2289, section 6 and appendix A).
class otp_hash {
public:
    explicit otp_hash(otp_function f);

    /// Password number 0. seed: as it is in the key file; it is taken in lower case.
    otp_value first(std::string_view seed, std::string_view passphrase);
    /// The password that is used before `v`: whoever knows v can tell it, and nobody tells v from it.
    otp_value next(otp_value v);
    /// Password number `count`: next() so often.
    otp_value password(std::string_view seed, std::string_view passphrase, std::uint32_t count);

private:
    otp_value fold(const std::uint8_t* hash) const;

    otp_function function_;
    digest digest_;
};

/// Letters of the longest six words.
inline constexpr std::size_t most_otp_letters = 6 * 4;

/// Six words of the standard dictionary, in capitals (RFC 2289, appendix D).
std::string otp_words(otp_value v, char separator = ' ');
/// Six words in letters of any case, white space between them, before and after, and nothing else; nothing
/// if there is anything else, a word is not in the dictionary, or their parity is wrong.
std::optional<otp_value> parse_otp_words(std::string_view text);
/// The same of a label of the DNS, with one _ between two words.
std::optional<otp_value> parse_otp_label(std::string_view label);

/// 16 hexadecimal digits.
std::string otp_hex(otp_value v);
std::optional<otp_value> parse_otp_hex(std::string_view text);

} // namespace chronoknock::key
