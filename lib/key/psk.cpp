#include "key/psk.hpp"

#include "base/text.hpp"
#include "key/digest.hpp"

#include <algorithm>
#include <boost/algorithm/hex.hpp>
#include <iterator>
#include <optional>

namespace chronoknock::key {

namespace {

constexpr std::size_t least_secret = 16;   // 128 bits
constexpr std::size_t most_secret = 65536; // a bound on what a file makes us hold, not on strength
constexpr std::size_t most_realm = 255;    // OpenSSL 3.0 takes 1,024 bytes of HKDF info in all

result<void> set_function(psk& k, std::string_view text) {
    constexpr std::string_view mark = "hmac-";
    k.hmac = text.starts_with(mark);
    k.digest = k.hmac ? text.substr(mark.size()) : text;
    if (digest_size(k.digest) < 4)
        return error{
            "expected hmac-DIGEST or DIGEST, with a fixed-length digest that OpenSSL has (sha256), not '" +
            printable(text) + "'"};
    return {};
}

result<void> set_ignore(psk& k, std::string_view text) {
    for (const auto part : split_list(text)) {
        if (part == "ip")
            k.ignore_ip = true;
        else if (part == "time")
            k.ignore_time = true;
        else
            return error{"expected ip, time or both, not '" + printable(part) + "'"};
    }
    return {};
}

result<void> set_number(std::uint32_t& to, std::string_view text, std::int64_t least, std::int64_t most) {
    const auto n = parse_number(text, least, most);
    if (!n) return n.error();
    to = static_cast<std::uint32_t>(*n);
    return {};
}

result<void> set_ports(psk& k, std::string_view text) {
    auto ports = port_set::parse(text);
    if (!ports) return ports.error();
    k.ports = std::move(*ports);
    return {};
}

result<void> set_realm(psk& k, std::string_view text) {
    if (text.size() > most_realm || text.find('\0') != text.npos)
        return error{"expected a label of at most " + std::to_string(most_realm) + " bytes"};
    k.realm = text;
    return {};
}

result<void> set_secret(psk& k, std::string_view text) {
    secret_bytes bytes;
    bytes.reserve(text.size() / 2);
    try {
        boost::algorithm::unhex(text.begin(), text.end(), std::back_inserter(bytes));
    } catch (const boost::algorithm::hex_decode_error&) {
        return error{"expected an even number of hexadecimal digits"};
    }
    if (bytes.size() < least_secret || bytes.size() > most_secret)
        return error{"expected at least 128 bits and at most 524288, not " +
                     std::to_string(bytes.size() * 8)};
    k.secret = std::move(bytes);
    return {};
}

/// "a, b or c".
std::string names(std::span<const std::string_view> all) {
    std::string text;
    for (std::size_t i = 0; i < all.size(); ++i)
        text += (i == 0 ? "" : i + 1 == all.size() ? " or " : ", ") + std::string(all[i]);
    return text;
}

} // namespace

result<psk> parse_psk(std::string_view text) {
    const auto sections = parse_ini(text);
    if (!sections) return sections.error();
    if (sections->size() > 1)
        return error{"line " + std::to_string(sections->at(1).line) + ": expected no section in a key file"};
    return parse_psk(sections->front().fields);
}

std::string place_of(const ini_field& field) {
    return "line " + std::to_string(field.line) + ": " + printable(field.name) + ": ";
}

result<psk> parse_psk(std::span<const ini_field> fields, std::span<const std::string_view> used) {
    psk k;
    std::optional<ini_field> length;
    for (const auto& field : fields) {
        result<void> done;
        if (std::ranges::find(used, field.name) == used.end())
            done = error{"unknown field; expected method, " + names(used)};
        else if (field.name == "function")
            done = set_function(k, field.value);
        else if (field.name == "ignore")
            done = set_ignore(k, field.value);
        else if (field.name == "granularity")
            done = set_number(k.granularity, field.value, 1, 86400);
        else if (field.name == "length")
            length = field; // its range depends on the function
        else if (field.name == "ports")
            done = set_ports(k, field.value);
        else if (field.name == "realm")
            done = set_realm(k, field.value);
        else
            done = set_secret(k, field.value);
        if (!done) return error{place_of(field) + done.error().text};
    }
    if (k.secret.empty()) return error{"secret: expected, and missing"};
    if (!k.hmac && !k.realm.empty()) return error{"realm: expected only with an hmac- function"};

    const auto words = static_cast<std::uint32_t>(digest_size(k.digest) / 2);
    const std::uint32_t most = k.hmac ? 64 : std::min(64u, words);
    if (!k.hmac) k.length = most;
    if (length)
        if (const auto done = set_number(k.length, length->value, 2, most); !done)
            return error{place_of(*length) + done.error().text};
    return k;
}

std::string to_text(const psk& k) {
    std::string ignore = k.ignore_ip ? "ip" : "";
    if (k.ignore_time) ignore += ignore.empty() ? "time" : ",time";
    std::string text = "function = " + k.function() + "\n";
    if (!ignore.empty()) text += "ignore = " + ignore + "\n";
    text += "granularity = " + std::to_string(k.granularity) + "\n";
    text += "length = " + std::to_string(k.length) + "\n";
    text += "ports = " + k.ports.to_string() + "\n";
    if (!k.realm.empty()) text += "realm = " + k.realm + "\n";
    text += "secret = ";
    boost::algorithm::hex_lower(k.secret.begin(), k.secret.end(), std::back_inserter(text));
    return text + "\n";
}

} // namespace chronoknock::key
