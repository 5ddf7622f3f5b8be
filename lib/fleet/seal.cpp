#include "fleet/seal.hpp"

#include "key/expander.hpp"
#include "key/secret.hpp"

#include <stdexcept>
#include <vector>

namespace chronoknock::fleet {

namespace {

constexpr std::size_t mark_size = 16; // of the 32 bytes of HMAC-SHA256

byte_view bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string hex(byte_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const auto b : bytes) {
        text += digits[b >> 4];
        text += digits[b & 15];
    }
    return text;
}

/// In the order of the numbers, negative ones first.
std::string sortable(std::int64_t place) {
    std::array<std::uint8_t, 8> bytes{};
    const auto n = static_cast<std::uint64_t>(place) ^ (std::uint64_t{1} << 63);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(n >> (56 - 8 * i));
    return hex(bytes);
}

key::siv derive_siv(byte_view secret) {
    key::expander e("sha256", secret);
    key::label l;
    l.begin("", "", "fleet record");
    return key::siv::derive(e, l.bytes());
}

key::hmac derive_names(byte_view secret) {
    key::expander e("sha256", secret);
    key::label l;
    l.begin("", "", "fleet name");
    key::secret_bytes k(32);
    e.expand(l.bytes(), k);
    return {"sha256", k};
}

} // namespace

seal::seal(std::string prefix, byte_view secret)
    : prefix_(std::move(prefix)), siv_(derive_siv(secret)), names_(derive_names(secret)) {}

std::string seal::mark(std::string_view kind, std::string_view bytes) const {
    std::array<std::uint8_t, key::hmac::most_size> out{};
    static constexpr std::uint8_t zero = 0;
    names_({bytes_of(kind), byte_view(&zero, 1), bytes_of(bytes)}, out.data());
    return hex(byte_view(out).first(mark_size));
}

std::string seal::mark_of_key(const std::string& key) const { return mark("key", key); }

std::string seal::first_burnt(const std::string& key) const {
    return prefix_ + "/burnt/" + mark_of_key(key) + "/";
}

std::string seal::first_burnt_of(const std::string& key, std::int64_t place) const {
    return first_burnt(key) + sortable(place) + "/";
}

std::string seal::name_of(const granting::burnt& b) const {
    return first_burnt_of(b.key, b.place) + mark("token", b.key + '\0' + sortable(b.place) + b.identity);
}

std::string seal::name_of_top(const std::string& key) const { return prefix_ + "/top/" + mark_of_key(key); }

std::string seal::name_of_grant(const std::string& key, const prefix& who, const std::string& service) const {
    return prefix_ + "/grant/" + mark("grant", key + '\0' + who.to_string() + '\0' + service);
}

std::string seal::close(std::string_view name, std::string_view plain) const {
    const auto sealed = siv_.seal({bytes_of(name)}, bytes_of(plain));
    if (!sealed) throw std::runtime_error(sealed.error().text);
    return {sealed->begin(), sealed->end()};
}

std::optional<std::string> seal::open(std::string_view name, std::string_view value) const {
    const auto plain = siv_.open({bytes_of(name)}, bytes_of(value));
    if (!plain) return {};
    return std::string(plain->begin(), plain->end());
}

std::string seal::close(const burnt_record& r) const { return close(name_of(r.token), encode(r)); }
std::string seal::close(const top_record& r) const { return close(name_of_top(r.key), encode(r)); }
std::string seal::close(const granting::shared_grant& g) const {
    return close(name_of_grant(g.key, g.who, g.service), encode(g));
}
std::string seal::close(const host_record& r) const { return close(name_of_host(r.name), encode(r)); }

// A record says itself where it belongs: its name is part of what is sealed all the same.
std::optional<burnt_record> seal::open_burnt(std::string_view name, std::string_view value) const {
    const auto plain = open(name, value);
    auto r = plain ? decode_burnt(*plain) : std::nullopt;
    return r && name_of(r->token) == name ? r : std::nullopt;
}
std::optional<top_record> seal::open_top(std::string_view name, std::string_view value) const {
    const auto plain = open(name, value);
    auto r = plain ? decode_top(*plain) : std::nullopt;
    return r && name_of_top(r->key) == name ? r : std::nullopt;
}
std::optional<granting::shared_grant> seal::open_grant(std::string_view name, std::string_view value) const {
    const auto plain = open(name, value);
    auto g = plain ? decode_grant(*plain) : std::nullopt;
    return g && name_of_grant(g->key, g->who, g->service) == name ? g : std::nullopt;
}
std::optional<host_record> seal::open_host(std::string_view name, std::string_view value) const {
    const auto plain = open(name, value);
    auto r = plain ? decode_host(*plain) : std::nullopt;
    return r && name_of_host(r->name) == name ? r : std::nullopt;
}

} // namespace chronoknock::fleet
