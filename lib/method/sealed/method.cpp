#include "method/sealed/method.hpp"

#include "base/text.hpp"
#include "base/writer.hpp"
#include "method/sealed/key.hpp"
#include "method/sealed/verifier.hpp"
#include "packet/dns.hpp"

#include <algorithm>
#include <boost/algorithm/hex.hpp>
#include <iterator>
#include <limits>

namespace chronoknock::sealed {

namespace {

constexpr double budget = 128;            // the SIV, and the secret at its shortest
constexpr std::size_t new_secret = 64;    // bytes
constexpr std::size_t random_of_plan = 8; // nonce, identifier of the question, choice of a port

method::capture_wish wants(const config::key_settings& settings) {
    const auto& k = credential_of(settings);
    method::capture_wish wish;
    if (k.uses(key::carrier::ports)) wish.syns = port_set({k.settings().layout.range()});
    if (k.uses(key::carrier::udp)) wish.datagrams.push_back({k.psk().ports, {message_size, message_size}});
    if (k.uses(key::carrier::dns)) wish.datagrams.push_back(packet::dns_questions());
    if (k.uses(key::carrier::icmp)) wish.echoes = {message_size, message_size};
    return wish;
}

std::unique_ptr<method::verifier> verify(const method::verifier_settings& s) {
    return std::make_unique<verifier>(s);
}

double security_bits(const config::key_settings&, const config::server&) { return budget; }

std::string describe_carrier(const credential& k, key::carrier c) {
    const auto& l = k.settings().layout;
    switch (c) {
    case key::carrier::ports:
        return std::to_string(l.digits()) + " SYNs, " +
               (l.order == order::indexed ? "in any order" : "in order and nothing between");
    case key::carrier::udp:
        return "a datagram to any of " + std::to_string(k.psk().ports.size()) + " ports";
    case key::carrier::icmp:
        return "a ping";
    case key::carrier::dns:
        return "a DNS question below " + k.settings().zone;
    }
    return "";
}

std::vector<std::pair<std::string, std::string>> describe(const config::key_settings& settings) {
    const auto& k = credential_of(settings);
    const auto& psk = k.psk();
    std::vector<std::pair<std::string, std::string>> lines{
        {"message", "sealed by " + psk.function() +
                        (psk.realm.empty() ? "" : ", realm " + printable(psk.realm)) + "; good for " +
                        std::to_string(2 * psk.granularity) + "s"}};
    for (const auto c : k.carriers())
        lines.emplace_back(lines.size() == 1 ? "carrier" : "", describe_carrier(k, c));
    return lines;
}

std::vector<std::string> doubts(const config::key_settings& k) {
    if (!k.for_others) return {};
    return {"for_others: a message that names no address opens for whoever sends it, also for one who caught "
            "it on "
            "its way"};
}

result<request> request_of(const method::knock_request& r) {
    request made;
    made.close = r.close;
    made.who = r.beneficiary.value_or(r.source);
    made.time = r.at;
    if (r.open_for) {
        const auto whole = std::chrono::ceil<seconds>(*r.open_for).count();
        if (whole < 1 || whole > std::numeric_limits<std::uint32_t>::max())
            return error{"open_for: expected 1 to 4294967295 seconds"};
        made.open_for = static_cast<std::uint32_t>(whole);
    }
    if (!r.nonce.empty() && r.nonce.size() != nonce_size)
        return error{"nonce: expected " + std::to_string(nonce_size) + " bytes"};
    const auto nonce = r.nonce.empty() ? r.random.first(nonce_size) : r.nonce;
    std::ranges::copy(nonce, made.nonce.begin());
    made.service = mark_of(r.service);
    return made;
}

std::string to_hex(byte_view bytes) {
    std::string text;
    boost::algorithm::hex_lower(bytes.begin(), bytes.end(), std::back_inserter(text));
    return text;
}

std::uint16_t choose(const port_set& ports, std::uint16_t word) {
    return ports[static_cast<std::uint32_t>(std::uint64_t{word} * ports.size() / 65536)];
}

result<client::plan> plan(const key::credential& c, const method::knock_request& r) {
    const auto& k = static_cast<const credential&>(c);
    if (r.random.size() < random_of_plan) return error{"a sealed knock needs random bytes"};
    const auto made = request_of(r);
    if (!made) return made.error();
    const auto m = sealer(k.psk()).seal(*made);
    if (!m) return m.error();
    reader random(r.random.subspan(nonce_size));
    const auto identifier = random.u16();
    const auto word = random.u16();
    const std::vector<std::uint8_t> payload(m->begin(), m->end());

    client::plan p;
    switch (r.carrier.value_or(k.carriers().front())) {
    case key::carrier::ports:
        for (const auto port : ports_of(*m, k.settings().layout))
            p.shots.push_back({packet::kind::syn, port});
        break;
    case key::carrier::udp:
        p.shots.push_back({packet::kind::datagram, choose(k.psk().ports, word), payload});
        p.text = to_hex(payload);
        break;
    case key::carrier::icmp:
        p.shots.push_back({packet::kind::echo, 0, payload});
        p.text = to_hex(payload);
        break;
    case key::carrier::dns:
        p.text = to_name(*m, k.settings().zone);
        p.shots.push_back(
            {packet::kind::datagram, packet::dns_port, packet::make_dns_question(p.text, identifier)});
        break;
    }
    return p;
}

result<method::key_files> generate(std::span<const ini_field> fields, std::span<const std::uint8_t> random,
                                   std::int64_t) {
    std::string text = "method = sealed\n";
    std::vector<ini_field> all(fields.begin(), fields.end());
    if (random.size() < new_secret) return error{"a secret needs random bytes"};
    const auto secret = to_hex(random.first(new_secret));
    if (std::ranges::find(all, "secret", &ini_field::name) == all.end()) all.push_back({"secret", secret});
    if (const auto fits = read_key(all); !fits) return fits.error();
    for (const auto& f : all) {
        if (f.value.find_first_of("#\n") != f.value.npos)
            return error{f.name + ": expected a value without # and on one line"};
        text += f.name + " = " + std::string(f.value) + "\n";
    }
    return method::key_files{std::move(text)};
}

} // namespace

method::row row() {
    return {.name = credential::name,
            .read = read_key,
            .wants = wants,
            .verify = verify,
            .security_bits = security_bits,
            .describe = describe,
            .plan = plan,
            .check = check_memory,
            .doubts = doubts,
            .generate = generate,
            .carries = {.beneficiary = true, .open_for = true, .close = true, .nonce = nonce_size}};
}

} // namespace chronoknock::sealed
