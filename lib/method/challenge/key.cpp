#include "method/challenge/key.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace chronoknock::challenge {

namespace {

constexpr std::int64_t least_bits = 128;
constexpr std::int64_t most_bits = 65536;
constexpr std::int64_t default_bits = 512;
/// In place of a secret while the other fields are read.
constexpr std::string_view no_secret = "00000000000000000000000000000000";

/// "line N: field: ", if the field was given.
std::string where(std::span<const ini_field> fields, std::string_view name) {
    const auto found = std::ranges::find(fields, name, &ini_field::name);
    return found == fields.end() ? std::string(name) + ": " : key::place_of(*found);
}

result<key::psk> read_psk(std::span<const ini_field> fields) {
    auto k = key::parse_psk(fields);
    if (!k) return k;
    if (!k->hmac) return error{where(fields, "function") + "expected hmac-DIGEST for the method challenge"};
    if (k->ignore_time)
        return error{where(fields, "ignore") + "expected ip or nothing: a challenge is for a window"};
    // A client behind a router does not know the address that it is seen by.
    if (std::ranges::find(fields, "ignore", &ini_field::name) == fields.end()) k->ignore_ip = true;
    return k;
}

} // namespace

result<key::credential_ptr> read_key(std::span<const ini_field> fields) {
    auto k = read_psk(fields);
    if (!k) return k.error();
    return key::credential_ptr(std::make_shared<credential>(std::move(*k)));
}

result<method::key_files> generate(std::span<const ini_field> given, std::span<const std::uint8_t> random,
                                   std::int64_t) {
    auto bits = default_bits;
    std::vector<ini_field> fields;
    for (const auto& f : given) {
        if (f.name == "secret") return error{key::place_of(f) + "expected none: it is made at random"};
        if (f.name != "bits") {
            fields.push_back(f);
            continue;
        }
        const auto number = parse_number(f.value, least_bits, most_bits);
        if (!number) return error{key::place_of(f) + number.error().text};
        if (*number % 8 != 0)
            return error{key::place_of(f) + "expected a multiple of 8, not '" + printable(f.value) + "'"};
        bits = *number;
    }
    fields.push_back({"secret", no_secret});
    auto k = read_psk(fields);
    if (!k) return k.error();
    const auto secret = random.first(static_cast<std::size_t>(bits / 8));
    k->secret.assign(secret.begin(), secret.end());
    return method::key_files{"method = " + std::string(credential::name) + "\n" +
                             (k->ignore_ip ? "" : "ignore =\n") + key::to_text(*k)};
}

} // namespace chronoknock::challenge
