#include "method/sealed/key.hpp"

#include "base/text.hpp"
#include "key/fingerprint.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>

namespace chronoknock::sealed {

namespace {

constexpr std::array<std::string_view, 5> shared = {"function", "granularity", "ports", "realm", "secret"};
constexpr std::array known = {key::carrier::ports, key::carrier::udp, key::carrier::icmp, key::carrier::dns};
constexpr std::uint32_t last_port = 65535;
// With fewer, SYNs to all ports of the digits of a tag, of which four values are told apart, stand for so
// many of all 2^32 tags that strangers get decryptions: with 1 or 2 bits for all, with 3 for one in 1,000.
constexpr std::uint32_t least_bits = 4;

/// A field that no other method has.
struct own_field {
    std::string_view name;
    result<void> (*set)(settings&, std::string_view);
};

template <class T, class Parse>
result<void> put(T& to, Parse parsed) {
    if (!parsed) return parsed.error();
    to = static_cast<T>(std::move(*parsed));
    return {};
}

const std::array<own_field, 5> own_fields = {{
    {"carrier",
     [](settings& s, std::string_view text) { return put(s.carriers, key::parse_carriers(text, known)); }},
    {"base",
     [](settings& s, std::string_view text) { return put(s.layout.base, parse_number(text, 0, last_port)); }},
    {"bits", [](settings& s,
                std::string_view text) { return put(s.layout.bits, parse_number(text, least_bits, 16)); }},
    {"order",
     [](settings& s, std::string_view text) -> result<void> {
         if (text != "indexed" && text != "sequential")
             return error{"expected indexed or sequential, not '" + printable(text) + "'"};
         s.layout.order = text == "indexed" ? order::indexed : order::sequential;
         return {};
     }},
    {"zone",
     [](settings& s, std::string_view text) { return put(s.zone, key::parse_zone(text, name_room)); }},
}};

std::string names_of_fields() {
    std::string names;
    for (const auto name : shared) names += ", " + std::string(name);
    for (const auto& f : own_fields)
        names += (&f == &own_fields.back() ? " or " : ", ") + std::string(f.name);
    return names;
}

} // namespace

credential::credential(key::psk k, sealed::settings s)
    : psk_(std::move(k)), settings_(std::move(s)), fingerprint_(key::fingerprint(psk_.secret)) {}

result<key::credential_ptr> read_key(std::span<const ini_field> fields) {
    settings s;
    std::vector<ini_field> rest;
    const ini_field* layout_field = nullptr;
    const ini_field* function = nullptr;
    for (const auto& f : fields) {
        const auto own = std::ranges::find(own_fields, f.name, &own_field::name);
        if (own == own_fields.end()) {
            if (std::ranges::find(shared, f.name) == shared.end())
                return error{key::place_of(f) + "unknown field; expected method" + names_of_fields()};
            if (f.name == "function") function = &f;
            rest.push_back(f);
            continue;
        }
        if (const auto done = own->set(s, f.value); !done) return error{key::place_of(f) + done.error().text};
        if (f.name == "base" || f.name == "bits") layout_field = &f;
    }
    auto k = key::parse_psk(rest, shared);
    if (!k) return k.error();
    if (!k->hmac)
        return error{(function ? key::place_of(*function) : "function: ") +
                     "expected an hmac- function: a plain digest seals nothing"};
    if (s.layout.last_port() > last_port)
        return error{(layout_field ? key::place_of(*layout_field) : "bits: ") +
                     "expected ports up to 65535, and with this base, bits and order the last one would be " +
                     std::to_string(s.layout.last_port())};
    auto made = std::make_shared<credential>(std::move(*k), std::move(s));
    if (made->uses(key::carrier::dns) && made->settings().zone.empty())
        return error{"zone: expected with the carrier dns, and missing"};
    return key::credential_ptr(std::move(made));
}

} // namespace chronoknock::sealed
