#include "method/otp/key.hpp"

#include "base/text.hpp"
#include "key/fingerprint.hpp"
#include "key/psk.hpp"

#include <limits>

namespace chronoknock::otp {

namespace {

constexpr std::size_t most_of_seed = 16; // RFC 2289, section 6.0
constexpr std::size_t least_of_passphrase = 10;
constexpr std::size_t most_of_passphrase = 255;
/// Six words, what stands between them, and the dot before the zone.
constexpr std::size_t room_before_zone = key::most_otp_letters + 5 + 1;
constexpr std::int64_t latest_time = 253402300799; // the year 9999
constexpr key::carrier known_carriers[] = {key::carrier::udp, key::carrier::dns};

std::string fingerprint_of(const settings& s, std::string_view end, std::string_view own) {
    key::secret_text text = "otp ";
    for (const auto part : {end, to_string(s.function), std::string_view(s.seed), own}) {
        text += part;
        text += '\n';
    }
    return key::fingerprint({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string text_of(const last_password& p) { return std::to_string(p.count) + ":" + key::otp_hex(p.value); }

result<std::uint32_t> number(std::string_view text, std::int64_t least, std::int64_t most) {
    const auto n = parse_number(text, least, most);
    if (!n) return n.error();
    return static_cast<std::uint32_t>(*n);
}

result<std::string> read_seed(std::string_view text) {
    std::string seed;
    for (const auto c : text) {
        const bool upper = c >= 'A' && c <= 'Z';
        if (!upper && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) seed.resize(most_of_seed + 1);
        seed += upper ? static_cast<char>(c - 'A' + 'a') : c;
    }
    if (seed.empty() || seed.size() > most_of_seed)
        return error{"expected 1 to " + std::to_string(most_of_seed) + " letters and digits"};
    return {boost::system::in_place_value, std::move(seed)};
}

/// Blanks that it begins with count.
result<key::secret_text> read_passphrase(const ini_field& field) {
    const auto text = field.with_blanks.empty() ? field.value : field.with_blanks;
    if (text.size() < least_of_passphrase || text.size() > most_of_passphrase)
        return error{"expected " + std::to_string(least_of_passphrase) + " to " +
                     std::to_string(most_of_passphrase) + " characters"};
    return key::secret_text(text);
}

result<last_password> read_verifier(std::string_view text) {
    const auto colon = text.find(':');
    const auto count = number(text.substr(0, colon), 1, most_count);
    const auto value = colon == text.npos ? std::nullopt : key::parse_otp_hex(text.substr(colon + 1));
    if (!count || !value)
        return error{"expected COUNT:HEX, a number from 1 to " + std::to_string(most_count) +
                     " and 16 hexadecimal digits"};
    last_password p;
    p.count = *count;
    p.value = *value;
    return p;
}

/// The fields of both files, as far as they are given.
struct given {
    settings common;
    generator client;
    std::optional<last_password> server;
    std::optional<std::int64_t> issued;
    std::optional<std::uint32_t> lookahead;
    const ini_field* of_client = nullptr; ///< one that only the client's file has
    const ini_field* of_server = nullptr;
};

template <class To, class Read>
result<void> put(To& to, Read read) {
    if (!read) return read.error();
    to = std::move(*read);
    return {};
}

result<void> read_field(const ini_field& f, given& g) {
    if (f.name == "function") return put(g.common.function, key::parse_otp_function(f.value));
    if (f.name == "seed") return put(g.common.seed, read_seed(f.value));
    if (f.name == "carrier") return put(g.common.carriers, key::parse_carriers(f.value, known_carriers));
    if (f.name == "ports") return put(g.common.ports, port_set::parse(f.value));
    if (f.name == "zone") return put(g.common.zone, key::parse_zone(f.value, room_before_zone));
    if (f.name == "passphrase" || f.name == "count") {
        g.of_client = &f;
        if (f.name == "count") return put(g.client.count, number(f.value, 1, most_count));
        return put(g.client.passphrase, read_passphrase(f));
    }
    if (f.name == "verifier" || f.name == "issued" || f.name == "lookahead") {
        g.of_server = &f;
        if (f.name == "verifier") return put(g.server, read_verifier(f.value));
        if (f.name == "issued") return put(g.issued, parse_number(f.value, 0, latest_time));
        return put(g.lookahead, number(f.value, 1, most_lookahead));
    }
    return error{"unknown field; expected method, function, seed, carrier, ports, zone, passphrase, count, "
                 "verifier, issued or lookahead"};
}

error missing(std::string_view field, std::string_view why = "") {
    return {std::string(field) + ": expected, and missing" + std::string(why)};
}

} // namespace

credential::credential(settings s, generator client)
    : settings_(std::move(s)), client_(std::move(client)),
      fingerprint_(fingerprint_of(settings_, "client", client_->passphrase)) {}

credential::credential(settings s, last_password server)
    : settings_(std::move(s)), server_(server),
      fingerprint_(fingerprint_of(settings_, "server", text_of(server))) {}

std::string credential::shown_fingerprint() const {
    return key::short_fingerprint(fingerprint_of(settings_, "both", ""));
}

std::int64_t credential::number_after(std::optional<std::int64_t> last) const {
    const auto most = client_ ? std::int64_t{client_->count} : 0;
    return std::min(last.value_or(most), most) - 1;
}

result<key::credential_ptr> read_key(std::span<const ini_field> fields) {
    given g;
    for (const auto& f : fields)
        if (const auto done = read_field(f, g); !done) return error{key::place_of(f) + done.error().text};
    if (g.common.seed.empty()) return missing("seed");
    if (g.common.travels_by(key::carrier::dns) && g.common.zone.empty())
        return missing("zone", ": the carrier dns needs it");
    if (g.of_client && g.of_server)
        return error{key::place_of(*g.of_client) + "expected in the client's file only, not beside " +
                     g.of_server->name};
    if (g.of_server) {
        if (!g.server) return missing("verifier");
        if (!g.issued) return missing("issued");
        g.server->issued = *g.issued;
        if (g.lookahead) g.server->lookahead = *g.lookahead;
        return key::credential_ptr(std::make_shared<credential>(std::move(g.common), *g.server));
    }
    if (g.client.passphrase.empty()) return missing("passphrase", ", or verifier and issued");
    if (g.client.count == 0) return missing("count");
    return key::credential_ptr(std::make_shared<credential>(std::move(g.common), std::move(g.client)));
}

} // namespace chronoknock::otp
