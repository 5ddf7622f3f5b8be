#include "key/otp.hpp"

#include "key/otp_dictionary.hpp"
#include "key/secret.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <openssl/crypto.h>

namespace chronoknock::key {

namespace {

constexpr std::size_t words = 6;
constexpr std::size_t most_of_word = 4; // letters
constexpr unsigned bits_of_word = 11;
constexpr std::size_t dictionary_size = 1u << bits_of_word;
constexpr std::size_t short_words = 571; ///< of one to three letters; they come first

/// Up to four letters in capitals, the first the most significant, so that they sort as words do.
using packed = std::uint32_t;

/// 0 if it is not one to four letters.
packed pack(std::string_view word) {
    if (word.empty() || word.size() > most_of_word) return 0;
    packed p = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        auto c = i < word.size() ? word[i] : '\0';
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (i < word.size() && (c < 'A' || c > 'Z')) return 0;
        p = p << 8 | static_cast<std::uint8_t>(c);
    }
    return p;
}

const std::array<packed, dictionary_size>& dictionary() {
    static const auto all = [] {
        std::array<packed, dictionary_size> d{};
        std::string_view text = otp_dictionary;
        for (auto& word : d) {
            const auto end = std::min(text.find(' '), text.size());
            word = pack(text.substr(0, end));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        return d;
    }();
    return all;
}

/// The word's number; nothing if the dictionary has it not.
std::optional<std::uint32_t> number_of(std::string_view word) {
    const auto p = pack(word);
    if (p == 0) return {};
    const auto& all = dictionary();
    const auto middle = all.begin() + short_words;
    const auto [from, to] = word.size() < 4 ? std::pair(all.begin(), middle) : std::pair(middle, all.end());
    const auto found = std::lower_bound(from, to, p);
    if (found == to || *found != p) return {};
    return static_cast<std::uint32_t>(found - all.begin());
}

/// The sum of the 32 pairs of bits, of which two bits are kept (RFC 2289, section 6).
unsigned parity(otp_value v) {
    unsigned sum = 0;
    for (; v != 0; v >>= 2) sum += static_cast<unsigned>(v & 3);
    return sum & 3;
}

/// The bits of six words, the parity of which is right.
std::optional<otp_value> value_of(const std::array<std::string_view, words>& six) {
    otp_value v = 0;
    for (std::size_t i = 0; i < words; ++i) {
        const auto n = number_of(six[i]);
        if (!n) return {};
        if (i + 1 < words) {
            v = v << bits_of_word | *n;
            continue;
        }
        v = v << (bits_of_word - 2) | *n >> 2;
        if ((*n & 3) != parity(v)) return {};
    }
    return v;
}

constexpr bool is_white(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::uint32_t little_endian(const std::uint8_t* p) {
    return p[0] | std::uint32_t{p[1]} << 8 | std::uint32_t{p[2]} << 16 | std::uint32_t{p[3]} << 24;
}

std::uint32_t big_endian(const std::uint8_t* p) {
    return p[3] | std::uint32_t{p[2]} << 8 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[0]} << 24;
}

} // namespace

std::string_view to_string(otp_function f) { return f == otp_function::md5 ? "otp-md5" : "otp-sha1"; }

result<otp_function> parse_otp_function(std::string_view text) {
    for (const auto f : {otp_function::md5, otp_function::sha1})
        if (text == to_string(f)) return f;
    return error{"expected otp-sha1 or otp-md5"};
}

otp_hash::otp_hash(otp_function f) : function_(f), digest_(f == otp_function::md5 ? "md5" : "sha1") {}

otp_value otp_hash::fold(const std::uint8_t* h) const {
    if (function_ == otp_function::md5)
        return otp_value{big_endian(h) ^ big_endian(h + 8)} << 32 | (big_endian(h + 4) ^ big_endian(h + 12));
    // SHA-1's words are numbers, and RFC 2289 has them written with the least significant byte first.
    const auto high = little_endian(h) ^ little_endian(h + 8) ^ little_endian(h + 16);
    const auto low = little_endian(h + 4) ^ little_endian(h + 12);
    return otp_value{high} << 32 | low;
}

otp_value otp_hash::first(std::string_view seed, std::string_view passphrase) {
    secret_bytes text;
    text.reserve(seed.size() + passphrase.size());
    for (const auto c : seed)
        text.push_back(static_cast<std::uint8_t>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
    text.insert(text.end(), passphrase.begin(), passphrase.end());
    std::array<std::uint8_t, 20> hash;
    digest_(text, hash.data());
    const auto v = fold(hash.data());
    OPENSSL_cleanse(hash.data(), hash.size());
    return v;
}

otp_value otp_hash::next(otp_value v) {
    std::array<std::uint8_t, 8> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(v >> (56 - 8 * i));
    std::array<std::uint8_t, 20> hash;
    digest_(bytes, hash.data());
    return fold(hash.data());
}

otp_value otp_hash::password(std::string_view seed, std::string_view passphrase, std::uint32_t count) {
    auto v = first(seed, passphrase);
    for (; count > 0; --count) v = next(v);
    return v;
}

std::string otp_words(otp_value v, char separator) {
    std::array<std::uint32_t, words> numbers;
    const auto last = static_cast<std::uint32_t>(v << 2 | parity(v));
    numbers[words - 1] = last & (dictionary_size - 1);
    v >>= bits_of_word - 2;
    for (std::size_t i = words - 1; i-- > 0; v >>= bits_of_word)
        numbers[i] = static_cast<std::uint32_t>(v & (dictionary_size - 1));
    std::string text;
    for (const auto n : numbers) {
        if (!text.empty()) text += separator;
        for (int shift = 24; shift >= 0; shift -= 8)
            if (const auto c = static_cast<char>(dictionary()[n] >> shift & 0xff); c != '\0') text += c;
    }
    return text;
}

// A word has four letters at most, so there is white space among the first eight bytes, all of them ASCII.
// Most of what strangers send ends there, all eight looked at together: a branch for each of random letters
// is guessed wrong.
std::optional<otp_value> parse_otp_words(std::string_view text) {
    constexpr std::uint64_t each = 0x0101'0101'0101'0101;
    std::uint64_t front = 0;
    if (text.size() < sizeof front) return {};
    std::memcpy(&front, text.data(), sizeof front);
    // Some byte is a blank or less: less than 0x21, from which it borrows.
    const auto below_or_blank = (front - each * (' ' + 1)) & ~front & each * 0x80;
    if (below_or_blank == 0 || (front & each * 0x80) != 0) return {};
    std::array<std::string_view, words> six;
    std::size_t found = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (is_white(text[i])) {
            ++i;
            continue;
        }
        const auto begin = i;
        for (; i < text.size() && !is_white(text[i]); ++i)
            if (!is_letter(text[i]) || i - begin == most_of_word) return {};
        if (found == words) return {};
        six[found++] = text.substr(begin, i - begin);
    }
    if (found != words) return {};
    return value_of(six);
}

std::optional<otp_value> parse_otp_label(std::string_view label) {
    std::array<std::string_view, words> six;
    for (std::size_t i = 0; i < words; ++i) {
        const auto end = label.find('_');
        if ((end == label.npos) != (i + 1 == words)) return {};
        six[i] = label.substr(0, end);
        if (end != label.npos) label.remove_prefix(end + 1);
    }
    return value_of(six);
}

std::string otp_hex(otp_value v) {
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[v >> shift & 15];
    return text;
}

std::optional<otp_value> parse_otp_hex(std::string_view text) {
    if (text.size() != 16) return {};
    otp_value v = 0;
    for (const auto c : text) {
        unsigned digit = 0;
        if (c >= '0' && c <= '9')
            digit = static_cast<unsigned>(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = static_cast<unsigned>(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = static_cast<unsigned>(c - 'A' + 10);
        else
            return {};
        v = v << 4 | digit;
    }
    return v;
}

} // namespace chronoknock::key
