#include "method/static/method.hpp"

#include "key/psk.hpp"
#include "method/guesses.hpp"
#include "method/static/key.hpp"
#include "method/static/verifier.hpp"

#include <algorithm>
#include <bitset>
#include <cmath>

namespace chronoknock::fixed {

namespace {

/// Ports that whoever heard the other sequences of a pad has to guess; in set mode a repeated one counts
/// once.
std::size_t least_ports(const sequence& one, const std::vector<sequence>& all, config::matching mode) {
    if (mode == config::matching::strict) return one.size();
    std::size_t unheard = 0;
    for (auto it = one.begin(); it != one.end(); ++it)
        unheard +=
            std::find(one.begin(), it, *it) == it && std::ranges::none_of(all, [&](const sequence& other) {
                return &other != &one && std::ranges::find(other, *it) != other.end();
            });
    return unheard;
}

/// Against guesses: as for a sequence of time-sequence, with m ports of 65,536, and as many live ones as are
/// looked for at once. Against whoever heard it a single sequence is worth nothing.
double security_bits(const config::key_settings& k, const config::server& s) {
    const auto& all = sequences_of(k);
    auto least = least_ports(all.front(), all, k.mode);
    for (const auto& one : all) least = std::min(least, least_ports(one, all, k.mode));
    if (least == 0) return 0;
    const auto live = std::min<double>(look_ahead, static_cast<double>(all.size()));
    return method::bits_against_guesses(static_cast<double>(least), 1.0 / 65536, k.mode, s.knock.memory) -
           std::log2(live);
}

method::capture_wish wants(const config::key_settings& k) {
    std::vector<port_range> syns, datagrams;
    for (const auto& sequence : sequences_of(k))
        for (const auto& shot : sequence)
            (shot.kind == packet::kind::datagram ? datagrams : syns).push_back({shot.port, shot.port});
    method::capture_wish wish{.syns = port_set(std::move(syns))};
    if (!datagrams.empty()) wish.datagrams.push_back({port_set(std::move(datagrams))});
    return wish;
}

std::unique_ptr<method::verifier> verify(const method::verifier_settings& s) {
    return std::make_unique<verifier>(s);
}

std::vector<std::pair<std::string, std::string>> describe(const config::key_settings& k) {
    const auto& all = sequences_of(k);
    if (all.size() == 1)
        return {{"sequence", std::to_string(all.front().size()) + " fixed ports, the same for ever"}};
    return {{"sequence", "a pad of " + std::to_string(all.size()) + " sequences, each good once, in order"}};
}

result<client::plan> plan(const key::credential& c, const method::knock_request& r) {
    const auto& all = static_cast<const credential&>(c).sequences();
    const auto number = all.size() == 1 ? 0 : static_cast<std::size_t>(r.at);
    if (number >= all.size())
        return error{"the pad is used up: it has " + std::to_string(all.size()) + " sequences"};
    return client::plan{all[number]};
}

/// A pad of SYNs, no port of it twice: whoever heard some of its sequences knows none of the others' ports.
result<method::key_files> generate(std::span<const ini_field> fields, std::span<const std::uint8_t> random,
                                   std::int64_t now) {
    constexpr std::size_t sequences = 100, ports = 10;
    constexpr std::uint32_t first = 1024;
    if (!fields.empty())
        return error{key::place_of(fields.front()) + "expected none: a pad is made at random"};
    std::bitset<65536> taken;
    std::string text = "method = static\nissued = " + std::to_string(now) + "\nsequence = ";
    for (std::size_t made = 0; made < sequences * ports; random = random.subspan(2)) {
        const std::uint32_t word = std::uint32_t{random[0]} << 8 | random[1];
        if (word < first || taken[word]) continue;
        taken.set(word);
        text += (made == 0 ? "" : made % ports == 0 ? "; " : ", ") + std::to_string(word);
        ++made;
    }
    return method::key_files{text + "\n"};
}

} // namespace

method::row row() {
    method::row r{
        credential::name,
        read_key,
        wants,
        verify,
        security_bits,
        describe,
        plan,
        method::row::by_option{"ports", "LIST",
                               "knock on these ports, 7000,udp/8000, without a key file; - asks for them",
                               read_sequences},
        check_ports};
    r.generate = generate;
    return r;
}

} // namespace chronoknock::fixed
