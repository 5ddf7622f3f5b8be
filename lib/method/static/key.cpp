#include "method/static/key.hpp"

#include "base/text.hpp"
#include "key/fingerprint.hpp"
#include "key/psk.hpp"

#include <algorithm>
#include <optional>

namespace chronoknock::fixed {

namespace {

constexpr std::size_t most_ports = 64;
constexpr std::size_t most_sequences = 4096;
constexpr std::int64_t latest_time = 253402300799; // the year 9999

std::optional<client::shot> read_port(std::string_view text) {
    client::shot shot;
    for (const auto& [mark, kind] : {std::pair{std::string_view("udp/"), packet::kind::datagram},
                                     {std::string_view("tcp/"), packet::kind::syn}})
        if (text.starts_with(mark)) {
            shot.kind = kind;
            text.remove_prefix(mark.size());
            break;
        }
    const auto port = parse_number(text, 0, 65535);
    if (!port) return {};
    shot.port = static_cast<std::uint16_t>(*port);
    return shot;
}

std::string fingerprint_of(const std::vector<sequence>& sequences) {
    std::string text = "static";
    for (const auto& s : sequences) text += ";" + client::to_text(s);
    const auto name = key::fingerprint({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    return name;
}

} // namespace

credential::credential(std::vector<sequence> sequences, std::int64_t issued)
    : sequences_(std::move(sequences)), issued_(issued), fingerprint_(fingerprint_of(sequences_)) {}

std::uint32_t credential::least_memory() const {
    std::size_t most = 0;
    for (const auto& s : sequences_) most = std::max(most, s.size());
    return static_cast<std::uint32_t>(most);
}

result<key::credential_ptr> read_sequences(std::string_view text) {
    std::vector<sequence> all;
    for (;;) {
        const auto end = text.find(';');
        sequence one;
        for (const auto part : split_list(trim(text.substr(0, end)))) {
            const auto shot = read_port(part);
            if (!shot)
                return error{"expected ports like 7000, udp/8000, with ; between the sequences of a pad"};
            one.push_back(*shot);
        }
        if (one.size() < 2 || one.size() > most_ports)
            return error{"expected 2 to " + std::to_string(most_ports) + " ports in a sequence"};
        if (std::ranges::find(all, one) != all.end()) return error{"expected each sequence of a pad once"};
        all.push_back(std::move(one));
        if (all.size() > most_sequences)
            return error{"expected at most " + std::to_string(most_sequences) + " sequences"};
        if (end == text.npos) break;
        text.remove_prefix(end + 1);
    }
    return key::credential_ptr(std::make_shared<credential>(std::move(all)));
}

result<key::credential_ptr> read_key(std::span<const ini_field> fields) {
    const ini_field* found = nullptr;
    const ini_field* found_issued = nullptr;
    std::int64_t issued = 0;
    for (const auto& f : fields) {
        if (f.name == "issued") {
            const auto time = parse_number(f.value, 0, latest_time);
            if (!time) return error{key::place_of(f) + time.error().text};
            issued = *time;
            found_issued = &f;
        } else if (f.name == "sequence") {
            found = &f;
        } else {
            return error{key::place_of(f) + "unknown field; expected method, sequence or issued"};
        }
    }
    if (!found) return error{"sequence: expected, and missing"};
    auto k = read_sequences(found->value);
    if (!k) return error{key::place_of(*found) + k.error().text};
    if (!found_issued) return k;
    if (!(*k)->numbered())
        return error{key::place_of(*found_issued) + "expected of a pad only, not of a single sequence"};
    return key::credential_ptr(
        std::make_shared<credential>(static_cast<const credential&>(**k).sequences(), issued));
}

} // namespace chronoknock::fixed
