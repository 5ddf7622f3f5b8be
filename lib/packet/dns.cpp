#include "packet/dns.hpp"

namespace chronoknock::packet {

namespace {

constexpr std::size_t most_of_label = 63;
constexpr std::size_t most_of_name = 255; // on the wire, the lengths of labels included
constexpr std::uint16_t response_and_opcode = 0xf800;
constexpr std::uint16_t recursion_desired = 0x0100;

/// The characters of labels in lower case; 0 for what is in no name of a host or a service. (A table: a
/// branch for each kind of character is guessed wrong at every other one of a random name.)
constexpr auto label_characters = [] {
    std::array<char, 256> table{};
    for (std::size_t c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = static_cast<char>(c);
    for (std::size_t c = '0'; c <= '9'; ++c) table[c] = static_cast<char>(c);
    table['-'] = '-';
    table['_'] = '_';
    return table;
}();

} // namespace

datagram_wish dns_questions() {
    constexpr std::uint16_t header = 12, shortest_name = 3, type_and_class = 4, longest_message = 512;
    return {port_set({{dns_port, dns_port}}), {header + shortest_name + type_and_class, longest_message}};
}

std::optional<dns_name> dns_question(byte_view message) {
    reader in(message);
    in.skip(2); // identifier
    const auto flags = in.u16();
    const auto questions = in.u16();
    in.skip(6); // counts of what follows the question
    if (!in || (flags & response_and_opcode) != 0 || questions != 1) return {};
    dns_name name;
    std::size_t wire = 1;
    for (;;) {
        const std::size_t length = in.u8();
        if (!in) return {};
        if (length == 0) break;
        wire += length + 1;
        // More than 63 is a pointer (RFC 1035, section 4.1.4), and a question has nothing to point to.
        if (length > most_of_label || wire > most_of_name) return {};
        if (name.size != 0) name.text[name.size++] = '.';
        for (const auto byte : in.bytes(length)) {
            const auto c = label_characters[byte];
            if (c == 0) return {};
            name.text[name.size++] = c;
        }
        if (!in) return {};
    }
    in.skip(4); // type, class
    if (!in || name.size == 0) return {};
    return name;
}

std::vector<std::uint8_t> make_dns_question(std::string_view name, std::uint16_t id) {
    std::vector<std::uint8_t> out;
    const auto put_u16 = [&out](std::uint16_t n) {
        out.push_back(static_cast<std::uint8_t>(n >> 8));
        out.push_back(static_cast<std::uint8_t>(n));
    };
    for (const std::uint16_t n :
         {id, recursion_desired, std::uint16_t{1}, std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{0}})
        put_u16(n);
    while (!name.empty()) {
        const auto label = name.substr(0, name.find('.'));
        name.remove_prefix(label.size() < name.size() ? label.size() + 1 : label.size());
        out.push_back(static_cast<std::uint8_t>(label.size()));
        out.insert(out.end(), label.begin(), label.end());
    }
    out.push_back(0);
    put_u16(1); // A
    put_u16(1); // IN
    return out;
}

} // namespace chronoknock::packet
