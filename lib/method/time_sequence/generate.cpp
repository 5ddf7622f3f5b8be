#include "method/time_sequence/generate.hpp"

#include "base/text.hpp"
#include "key/psk.hpp"

#include <string>
#include <vector>

namespace chronoknock::time_sequence {

namespace {

constexpr std::int64_t least_bits = 128;
constexpr std::int64_t most_bits = 65536;
constexpr std::int64_t default_bits = 512;
/// In place of a secret while the other fields are read.
constexpr std::string_view no_secret = "00000000000000000000000000000000";

result<std::int64_t> read_bits(std::string_view text) {
    auto bits = parse_number(text, least_bits, most_bits);
    if (bits && *bits % 8 != 0) return error{"expected a multiple of 8, not '" + printable(text) + "'"};
    return bits;
}

} // namespace

result<method::key_files> generate(std::span<const ini_field> given, std::span<const std::uint8_t> random,
                                   std::int64_t) {
    result<std::int64_t> bits = default_bits;
    std::vector<ini_field> fields;
    for (const auto& f : given) {
        if (f.name == "secret") return error{key::place_of(f) + "expected none: it is made at random"};
        if (f.name != "bits")
            fields.push_back(f);
        else if (bits = read_bits(f.value); !bits)
            return error{key::place_of(f) + bits.error().text};
    }
    fields.push_back({"secret", no_secret});
    auto k = key::parse_psk(fields);
    if (!k) return k.error();
    const auto secret = random.first(static_cast<std::size_t>(*bits / 8));
    k->secret.assign(secret.begin(), secret.end());
    return method::key_files{to_text(*k)};
}

} // namespace chronoknock::time_sequence
