#include "plain_verifier.hpp"

#include <algorithm>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <set>
#include <stdexcept>
#include <string_view>

namespace chronoknock::plain {

namespace {

bytes join(const std::vector<bytes>& parts) {
    bytes all;
    for (const auto& p : parts) all.insert(all.end(), p.begin(), p.end());
    return all;
}

bytes text(std::string_view s) { return {s.begin(), s.end()}; }

bytes big_endian(std::int64_t n) {
    bytes b;
    for (int shift = 56; shift >= 0; shift -= 8) b.push_back(static_cast<std::uint8_t>(n >> shift));
    return b;
}

bytes ip_bytes(const address& who) {
    const auto b = who.bytes();
    return {b.begin(), b.end()};
}

/// HKDF-Expand (RFC 5869, 2.3): T(i) = HMAC(PRK, T(i-1) || info || i).
bytes expand(const key& k, const bytes& info, std::size_t length) {
    bytes out, last;
    for (std::uint8_t i = 1; out.size() < length; ++i) {
        const auto input = join({last, info, {i}});
        std::uint8_t mac[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        if (!HMAC(EVP_get_digestbyname(k.digest.c_str()), k.secret.data(), static_cast<int>(k.secret.size()),
                  input.data(), input.size(), mac, &size))
            throw std::runtime_error("HMAC");
        last.assign(mac, mac + size);
        out.insert(out.end(), last.begin(), last.end());
    }
    out.resize(length);
    return out;
}

/// floor( w * |pool| / 65536 ), of each two bytes.
std::vector<std::uint16_t> to_ports(const bytes& words, const std::vector<std::uint16_t>& pool) {
    std::vector<std::uint16_t> ports;
    for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
        const std::size_t w = words[i] * 256u + words[i + 1];
        ports.push_back(pool[w * pool.size() / 65536]);
    }
    return ports;
}

std::vector<std::uint16_t> derive(const key& k, const address& who, const std::string& service,
                                  std::int64_t t0) {
    const auto ip = k.ignores_ip ? bytes{} : ip_bytes(who);
    if (!k.hmac) { // H( ip || t0 || secret )
        const auto input = join({ip, big_endian(t0), k.secret});
        std::uint8_t hash[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        if (!EVP_Digest(input.data(), input.size(), hash, &size, EVP_get_digestbyname(k.digest.c_str()),
                        nullptr))
            throw std::runtime_error("digest");
        auto ports = to_ports({hash, hash + size}, k.pool);
        ports.resize(k.n);
        return ports;
    }
    const auto label = join({text("chronoknock/1"), {0}, text(k.realm), {0}, text(service), {0}});
    const auto family = k.ignores_ip ? bytes{} : bytes{static_cast<std::uint8_t>(who.is_v4() ? 4 : 6)};
    const auto w1 = expand(k, join({label, text("selector"), {0}, big_endian(t0)}), 2);
    const auto rest =
        expand(k, join({label, text("sequence"), {0}, family, ip, big_endian(t0)}), 2 * (k.n - 1));
    return to_ports(join({w1, rest}), k.pool);
}

bool contains(const std::vector<std::uint16_t>& sorted, std::uint16_t port) {
    return std::ranges::binary_search(sorted, port);
}

} // namespace

bool verifier::observe(const address& who, const syn& s) {
    if (std::ranges::none_of(keys_, [&](const key& k) { return contains(k.pool, s.port); })) return false;
    seen_[who.to_string()].push_back(s);
    return true;
}

const std::vector<std::uint16_t>& verifier::ports(const address& who, const sequence_name& name) {
    auto& found = derived_[{who.to_string(), name}];
    const auto& [k, service, t0] = name;
    if (found.empty()) found = derive(keys_[k], who, service, t0);
    return found;
}

bool verifier::in_time(const sequence_name& name, nanoseconds t, nanoseconds e) const {
    const auto& [k, service, t0] = name;
    return t + e >= seconds(t0) && t - e < seconds(t0 + 2 * keys_[k].g);
}

std::vector<sequence_name> verifier::live(nanoseconds t, nanoseconds e) const {
    std::vector<sequence_name> all;
    const auto earliest = std::chrono::floor<seconds>(t - e - settings_.timeout).count();
    const auto latest = std::chrono::floor<seconds>(t + e).count();
    for (std::size_t k = 0; k < keys_.size(); ++k) {
        const auto g = keys_[k].g;
        auto names = std::vector<std::string>{""};
        if (keys_[k].hmac) names.insert(names.end(), keys_[k].services.begin(), keys_[k].services.end());
        for (auto t0 = (earliest / g - 2) * g; t0 <= latest; t0 += g)
            for (const auto& service : names) all.emplace_back(k, service, t0);
    }
    return all;
}

std::optional<nanoseconds> verifier::complete(const address& who, const sequence_name& name) {
    const auto& seen = seen_[who.to_string()];
    const auto& k = keys_[std::get<0>(name)];
    if (seen.empty()) return {};
    return k.strict ? complete_strict(seen, ports(who, name), k) : complete_set(seen, ports(who, name));
}

/// "A sequence is complete at a SYN to one of its ports when all its ports are among" the last `memory` SYNs
/// "each by a SYN that is younger than timeout then"; "a knock began when the earliest of the SYNs arrived
/// that complete it, the latest to each port being taken".
std::optional<nanoseconds> verifier::complete_set(const std::vector<syn>& seen,
                                                  const std::vector<std::uint16_t>& wanted) const {
    const auto now = seen.back().at;
    if (std::ranges::find(wanted, seen.back().port) == wanted.end()) return {};
    std::map<std::uint16_t, nanoseconds> latest; // of each port
    const auto from = seen.size() > settings_.memory ? seen.size() - settings_.memory : 0;
    for (auto i = from; i < seen.size(); ++i)
        if (now - seen[i].at < settings_.timeout) latest[seen[i].port] = seen[i].at;
    auto began = now;
    for (const auto port : wanted) {
        const auto found = latest.find(port);
        if (found == latest.end()) return {};
        began = std::min(began, found->second);
    }
    return began;
}

/// "The ports come in the order of the sequence, with no other SYN from that source into the key's pool
/// between them, all within timeout of the first. Any other SYN into the pool starts afresh, and may itself
/// be a first one." "An exact retransmission, a SYN with the source port, destination port and TCP sequence
/// number of an earlier one, is passed over."
std::optional<nanoseconds> verifier::complete_strict(const std::vector<syn>& seen,
                                                     const std::vector<std::uint16_t>& wanted,
                                                     const key& k) const {
    std::set<std::tuple<std::uint16_t, std::uint16_t, std::uint32_t>> before;
    std::size_t done = 0;
    nanoseconds first{};
    bool completed = false; // by the SYN that was looked at last
    for (const auto& s : seen) {
        if (!contains(k.pool, s.port) || seen.back().at - s.at >= settings_.timeout) continue;
        completed = false;
        if (!before.emplace(s.source_port, s.port, s.sequence).second) continue;
        if (done > 0 && (s.port != wanted[done] || s.at - first >= settings_.timeout)) done = 0;
        if (s.port != wanted[done]) continue;
        if (done == 0) first = s.at;
        if (++done == wanted.size()) {
            completed = true;
            done = 0;
        }
    }
    if (!completed || !contains(k.pool, seen.back().port)) return {};
    return first;
}

void verifier::use_up(const address& who, const std::vector<sequence_name>& found) {
    std::set<std::uint16_t> used;
    for (const auto& name : found)
        for (const auto port : ports(who, name)) used.insert(port);
    std::erase_if(seen_[who.to_string()], [&](const syn& s) { return used.contains(s.port); });
}

} // namespace chronoknock::plain
