#include "method/otp/method.hpp"

#include "base/text.hpp"
#include "method/otp/generate.hpp"
#include "method/otp/verifier.hpp"
#include "packet/dns.hpp"

#include <cmath>

namespace chronoknock::otp {

namespace {

const credential& of(const key::credential& k) { return static_cast<const credential&>(k); }
const credential& of(const config::key_settings& k) { return of(*k.key); }

method::capture_wish wants(const config::key_settings& k) {
    const auto& s = of(k).common();
    method::capture_wish wish;
    if (s.travels_by(key::carrier::udp))
        wish.datagrams.push_back({s.ports, payload_sizes, packet::content::ascii});
    if (s.travels_by(key::carrier::dns)) wish.datagrams.push_back(packet::dns_questions());
    return wish;
}

std::unique_ptr<method::verifier> verify(const method::verifier_settings& s) {
    return std::make_unique<verifier>(s);
}

/// A password has 64 bits, and so many of them are good at a time.
double security_bits(const config::key_settings& k, const config::server&) {
    const auto& server = of(k).server();
    return 64 - std::log2(server ? server->lookahead : 1);
}

result<void> check_keys(const config::server& s, std::span<const std::uint32_t> keys) {
    for (const auto key : keys)
        if (!of(s.keys[key]).server())
            return error{s.keys[key].name + ": expected the server's file, with verifier and issued; " +
                         printable(s.keys[key].file) + " is the client's"};
    return {};
}

std::vector<std::pair<std::string, std::string>> describe(const config::key_settings& k) {
    const auto& c = of(k);
    std::string carriers;
    for (const auto one : c.carriers()) {
        carriers += (carriers.empty() ? "" : ", ") + std::string(to_string(one));
        if (one == key::carrier::dns) carriers += " (" + c.common().zone + ")";
    }
    if (!c.server()) return {{"carrier", carriers}};
    return {{"passwords", std::to_string(c.server()->count) + " by " +
                              std::string(to_string(c.common().function)) + ", seed " + c.common().seed +
                              ", issued " + utc(c.server()->issued) + " UTC"},
            {"", "each good once; the next " + std::to_string(c.server()->lookahead) + " are looked for"},
            {"carrier", carriers}};
}

std::vector<std::string> doubts(const config::key_settings&) {
    return {"whoever catches a password before it arrives can use it first, from his own address"};
}

std::optional<std::int64_t> left(const config::key_settings& k, std::optional<std::int64_t> newest) {
    const auto& server = of(k).server();
    if (!server) return {};
    return std::int64_t{server->count} - 1 - newest.value_or(-1);
}

result<client::plan> plan(const key::credential& k, const method::knock_request& r) {
    const auto& c = of(k);
    if (!c.client()) return error{"expected the client's file of the key: the server's cannot knock"};
    if (r.at < 0) return error{"the one-time passwords are used up: make a new key (keygen --method otp)"};
    if (r.at > most_count)
        return error{"expected a password's number from 0 to " + std::to_string(most_count)};
    const auto password =
        key::otp_hash(c.common().function)
            .password(c.common().seed, c.client()->passphrase, static_cast<std::uint32_t>(r.at));
    client::plan p;
    client::shot shot{packet::kind::datagram};
    // Any port will do; the same one each time would be easier to tell from other traffic.
    std::uint16_t number = 0;
    for (const auto byte : r.random.first(std::min<std::size_t>(r.random.size(), 2)))
        number = static_cast<std::uint16_t>(number << 8 | byte);
    p.text = key::otp_words(password);
    if (r.carrier.value_or(c.carriers().front()) == key::carrier::dns) {
        const auto name = key::otp_words(password, '_') + "." + c.common().zone;
        shot.port = packet::dns_port;
        shot.payload = packet::make_dns_question(name, number);
    } else {
        const auto& ports = c.common().ports;
        shot.port = ports[std::uint32_t{number} * ports.size() >> 16];
        shot.payload.assign(p.text.begin(), p.text.end());
    }
    p.shots.push_back(std::move(shot));
    return p;
}

} // namespace

method::row row() {
    method::row r{credential::name, read_key, wants, verify, security_bits, describe, plan};
    r.check = check_keys;
    r.doubts = doubts;
    r.generate = generate;
    r.carries.number = true;
    r.left = left;
    return r;
}

} // namespace chronoknock::otp
