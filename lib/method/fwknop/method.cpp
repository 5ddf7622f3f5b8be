#include "method/fwknop/method.hpp"

#include "base/text.hpp"
#include "key/base64.hpp"
#include "method/fwknop/key.hpp"
#include "method/fwknop/message.hpp"
#include "method/fwknop/packet.hpp"
#include "method/fwknop/verifier.hpp"

#include <algorithm>
#include <boost/algorithm/hex.hpp>
#include <iterator>

namespace chronoknock::fwknop {

namespace {

constexpr double bits = 128;             // of the weakest HMAC and the shortest secret
constexpr const char* user = "knock";    // no server of ours heeds it
constexpr std::size_t cipher_bytes = 32; // what fwknop's own key generator makes
constexpr std::size_t hmac_bytes = 64;

method::capture_wish wants(const config::key_settings& k) {
    const auto port = secrets_of(k).port;
    return {.datagrams = {{port_set({{port, port}}), {least_of_packet, most_of_packet}}}};
}

std::unique_ptr<method::verifier> verify(const method::verifier_settings& s) {
    return std::make_unique<verifier>(s);
}

double security_bits(const config::key_settings&, const config::server&) { return bits; }

std::vector<std::pair<std::string, std::string>> describe(const config::key_settings& k) {
    return {{"packet", "fwknop's, AES-256 and HMAC of " + secrets_of(k).hmac_digest +
                           "; it asks for the ports to open"},
            {"", "good for " + chronoknock::to_string(nanoseconds(most_apart)) +
                     " before and after the time that it says"}};
}

/// 16 decimal digits of 8 bytes.
std::string random_digits(byte_view bytes) {
    std::uint64_t number = 0;
    for (const auto byte : bytes) number = number << 8 | byte;
    auto digits = std::to_string(number % 10'000'000'000'000'000);
    return std::string(16 - digits.size(), '0') + digits;
}

result<client::plan> plan(const key::credential& c, const method::knock_request& r) {
    const auto& held = static_cast<const credential&>(c).held();
    auto ports = parse_asked_ports(r.service);
    if (!ports) return ports.error();
    const auto who = r.beneficiary.value_or(r.source);
    if (!who.is_v4())
        return error{"fwknop's packets have room for an IPv4 address only: expected one to open for, not " +
                     who.to_string()};
    if (r.random.size() < key::cipher_salt_size + 8) return error{"expected random bytes for a packet"};
    message m{
        random_digits(r.random.subspan(key::cipher_salt_size, 8)), user, r.at, who, std::move(*ports), {}};
    if (r.open_for) m.open_for = std::chrono::ceil<seconds>(*r.open_for);
    key::hmac mac(held.hmac_digest, held.hmac);
    const auto sent = seal(held.cipher, mac, r.random.first<key::cipher_salt_size>(), to_text(m));
    client::plan p{{{packet::kind::datagram, held.port, {sent.begin(), sent.end()}}}};
    boost::algorithm::hex_lower(sent.begin(), sent.end(), std::back_inserter(p.text));
    return p;
}

result<method::key_files> generate(std::span<const ini_field> fields, std::span<const std::uint8_t> random,
                                   std::int64_t) {
    const auto cipher = key::to_base64(random.first(cipher_bytes)) + "=";
    const auto mac = key::to_base64(random.subspan(cipher_bytes, hmac_bytes)) + "==";
    std::vector<ini_field> all(fields.begin(), fields.end());
    for (const auto& [name, value] : {std::pair("key_base64", &cipher), std::pair("hmac_key_base64", &mac)})
        if (std::ranges::find(all, name, &ini_field::name) == all.end()) all.push_back({name, *value, 0});
    if (const auto k = read_key(all); !k) return k.error();
    std::string text = "method = " + std::string(credential::name) + "\n";
    for (const auto& f : all) text += f.name + " = " + std::string(f.value) + "\n";
    return method::key_files{std::move(text)};
}

} // namespace

method::row row() {
    method::row r{credential::name, read_key, wants, verify, security_bits, describe, plan};
    r.generate = generate;
    r.carries = {.beneficiary = true, .only_v4 = true, .open_for = true, .close = false};
    return r;
}

} // namespace chronoknock::fwknop
