#include "packet/log_line.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <re2/re2.h>
#include <utility>
#include <vector>

namespace chronoknock::packet {
namespace {

constexpr std::size_t most_groups = 32;
constexpr std::int64_t expression_memory = 8 << 20;

// netfilter's LOG format, as nf_log_syslog.c of Linux writes it, and ulogd's LOGEMU after it. A stranger may
// choose the name of an interface, MAC addresses, ports, options and what stands in other lines of the file;
// so every token has its place, none may be repeated or unknown, and nothing may follow:
// - An interface's name has at most 15 bytes and no blank, whatever else is in it.
// - A prefix has no "=", so that the first "=" of the line is that of IN; and ": " only at its end, as
//   elsewhere it ends the name of whatever program or driver wrote the line.
// - Behind the time and host of a syslog line stands "kernel:", or a prefix without ":" and "[" (ulogd),
// which
//   the name of a program has behind it.
// - ICMP errors quote a packet in brackets: no bracket has a place.
// - Fragments and IPv6 extension headers are not knocks.
const std::string& netfilter_format() {
    static const std::string syslog_time = "(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}"
                                           "|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.][0-9]"
                                           "{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2}))";
    static const std::string uptime = "\\[ *[0-9]{1,12}[.][0-9]{6}\\] ?";
    static const std::string prefix = "(?:[^=:\\x00-\\x1f]|:[^ =:\\x00-\\x1f]){0,127}(?:: ?)?";
    static const std::string head = "(?:<[0-9]{1,3}>)?(?:" + syslog_time +
                                    " [^ ]{1,255} kernel: ?(?:" + uptime + ")?" + prefix + "|" + syslog_time +
                                    " [^ ]{1,255} [^=:\\[\\x00-\\x1f]{0,127}" + "|" + uptime + prefix +
                                    "|[^=:\\x00-\\x1f]{0,127}(?:: ?)?)";
    static const std::string interfaces =
        "IN=[^ ]{1,15} OUT=[^ ]{0,15} (?:PHYSIN=[^ ]{1,15} )?(?:PHYSOUT=[^ ]{1,15} )?";
    static const std::string hardware = "(?:MAC=[0-9a-f:]{0,192} |MACSRC=[0-9a-f:]{17} MACDST=[0-9a-f:]{17} "
                                        "(?:VPROTO=[0-9a-f]{4} VID=[0-9]{1,4} )?MACPROTO=[0-9a-f]{4} )?"
                                        "(?:TUNNEL=[0-9.]{7,15}->[0-9.]{7,15} )?";
    static const std::string addresses = "SRC=[0-9A-Fa-f:.]{2,45} DST=[0-9A-Fa-f:.]{2,45} ";
    static const std::string options = "OPT \\([0-9A-F]{0,80}\\)";
    static const std::string network =
        "LEN=[0-9]{1,10} (?:TOS=(?:0x)?[0-9A-F]{2} PREC=0x[0-9A-F]{2} TTL=[0-9]{1,3} ID=[0-9]{1,5} "
        "(?:CE )?(?:DF )?(?:" +
        options + " )?|TC=[0-9]{1,3} HOPLIMIT=[0-9]{1,3} FLOWLBL=[0-9]{1,7} )";
    static const std::string ports = "SPT=[0-9]{1,5} DPT=[0-9]{1,5} ";
    static const std::string transport =
        "(?:PROTO=TCP " + ports +
        "(?:SEQ=[0-9]{1,10} ACK=[0-9]{1,10} )?WINDOW=[0-9]{1,5} (?:RES=0x[0-9A-Fa-f]{2} )?"
        "(?:CWR )?(?:ECE )?(?:URG )?(?:PSH )?SYN URGP=[0-9]{1,5}(?: " +
        options + ")?|PROTO=UDP " + ports + "LEN=[0-9]{1,5})";
    static const std::string tail = "(?: UID=[0-9]{1,10} GID=[0-9]{1,10})?(?: MARK=(?:0x)?[0-9a-f]{1,8})? ?";
    static const std::string whole =
        "^" + head + interfaces + hardware + addresses + network + transport + tail + "$";
    return whole;
}

/// A decimal number and nothing else.
template <class Number>
std::optional<Number> number(std::string_view text) {
    Number value = 0;
    const auto end = text.data() + text.size();
    const auto [stopped, failed] = std::from_chars(text.data(), end, value);
    if (text.empty() || failed != std::errc() || stopped != end) return std::nullopt;
    return value;
}

std::optional<address> read_address(std::string_view text) {
    constexpr std::size_t longest = 45; // INET6_ADDRSTRLEN without the zero
    if (text.size() > longest || text.find('\0') != text.npos) return std::nullopt;
    const auto read = address::parse(text);
    // An IPv4-mapped address is never on a wire; it must not pass for the IPv4 address.
    if (!read || read->is_v4() != (text.find(':') == text.npos)) return std::nullopt;
    return *read;
}

bool is_for_many(const address& a) {
    const auto bytes = a.bytes();
    return a.is_v4()
               ? bytes[0] / 16 == 14 || std::ranges::all_of(bytes, [](auto byte) { return byte == 0xff; })
               : bytes[0] == 0xff;
}

bool same_word(std::string_view text, std::string_view lower) {
    return std::ranges::equal(text, lower, {},
                              [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
}

std::optional<kind> read_protocol(std::string_view text) {
    if (same_word(text, "tcp") || text == "6") return kind::syn;
    if (same_word(text, "udp") || text == "17") return kind::datagram;
    return std::nullopt;
}

/// Among words with anything but letters between: SYN, and none of ACK, RST and FIN.
bool begins_connection(std::string_view flags) {
    bool syn = false;
    while (!flags.empty()) {
        const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
        const auto begin = std::ranges::find_if(flags, letter);
        const auto end = std::find_if_not(begin, flags.end(), letter);
        const std::string_view word(begin, end);
        if (same_word(word, "ack") || same_word(word, "rst") || same_word(word, "fin")) return false;
        syn |= same_word(word, "syn");
        flags.remove_prefix(static_cast<std::size_t>(end - flags.begin()));
    }
    return syn;
}

/// What a line says, as it says it; nothing where it says nothing.
struct fields {
    std::optional<std::string_view> src, dst, dpt, proto, spt, seq, flags;
};

/// Of a line in netfilter's format, where each name stands once behind a blank.
fields by_names(std::string_view text) {
    const auto value = [text](std::string_view name) -> std::optional<std::string_view> {
        const auto found = text.find(name);
        if (found == text.npos) return std::nullopt;
        const auto rest = text.substr(found + name.size());
        return rest.substr(0, rest.find(' '));
    };
    return {
        value(" SRC="), value(" DST="), value(" DPT="), value(" PROTO="), value(" SPT="), value(" SEQ="), {}};
}

bool to_event(const fields& f, event& out) {
    event e;
    if (f.proto) {
        const auto known = read_protocol(*f.proto);
        if (!known) return false;
        e.kind = *known;
    }
    if (f.flags && e.kind == kind::syn && !begins_connection(*f.flags)) return false;
    const auto source = read_address(f.src.value_or(""));
    const auto destination = read_address(f.dst.value_or(""));
    const auto port = number<std::uint16_t>(f.dpt.value_or(""));
    const auto source_port = number<std::uint16_t>(f.spt.value_or("0"));
    const auto sequence = number<std::uint32_t>(f.seq.value_or("0"));
    if (!source || !destination || !port || !source_port || !sequence) return false;
    if (source->is_v4() != destination->is_v4() || is_for_many(*destination)) return false;
    e.source = *source;
    e.destination = *destination;
    e.port = *port;
    e.source_port = *source_port;
    e.sequence = *sequence;
    out = e;
    return true;
}

} // namespace

log_format::log_format(std::unique_ptr<re2::RE2> expression) : expression_(std::move(expression)) {}

result<std::shared_ptr<const log_format>> log_format::compile(std::string_view pattern) {
    const std::string text(pattern.empty() ? std::string_view(netfilter_format()) : pattern);
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_encoding(re2::RE2::Options::EncodingLatin1); // a log is bytes: any of them is one character
    options.set_max_mem(expression_memory);
    auto expression = std::make_unique<re2::RE2>(text, options);
    if (!expression->ok())
        return error{"expected a regular expression as RE2 takes it: " + printable(expression->error())};
    std::shared_ptr<log_format> made(new log_format(std::move(expression)));
    if (const auto found = pattern.empty() ? result<void>() : made->find_groups(); !found)
        return found.error();
    return {boost::system::in_place_value, std::move(made)};
}

result<void> log_format::find_groups() {
    const std::array<std::pair<std::string_view, int*>, 7> known = {{{"src", &groups_.src},
                                                                     {"dst", &groups_.dst},
                                                                     {"dpt", &groups_.dpt},
                                                                     {"proto", &groups_.proto},
                                                                     {"spt", &groups_.spt},
                                                                     {"seq", &groups_.seq},
                                                                     {"flags", &groups_.flags}}};
    if (expression_->CapturingGroupNames().size() != expression_->NamedCapturingGroups().size())
        return error{"expected each group's name once"};
    for (const auto& [name, index] : expression_->NamedCapturingGroups()) {
        const auto found =
            std::ranges::find(known, std::string_view(name), [](const auto& k) { return k.first; });
        if (found == known.end())
            return error{"expected groups named src, dst, dpt, proto, spt, seq or flags, not '" +
                         printable(name) + "'"};
        *found->second = index;
        most_group_ = std::max(most_group_, index);
    }
    for (const auto& [name, index] : known)
        if (*index == 0 && (name == "src" || name == "dst" || name == "dpt"))
            return error{"expected a group (?P<" + std::string(name) + ">...)"};
    if (static_cast<std::size_t>(most_group_) >= most_groups)
        return error{"expected named groups among the first " + std::to_string(most_groups - 1)};
    return {};
}

bool log_format::anchored() const { return expression_->pattern().starts_with('^'); }

bool log_format::read(std::string_view line, event& out) const {
    const re2::StringPiece text(line.data(), line.size());
    const auto match = [&](re2::StringPiece* into, int most) {
        return expression_->Match(text, 0, text.size(), re2::RE2::UNANCHORED, into, most);
    };
    // Without groups RE2 needs less than a tenth of the time.
    if (most_group_ == 0) return match(nullptr, 0) && to_event(by_names(line), out);
    std::array<re2::StringPiece, most_groups> found;
    if (!match(found.data(), most_group_ + 1)) return false;
    const auto group = [&](int index) -> std::optional<std::string_view> {
        const auto& piece = found[static_cast<std::size_t>(index)];
        if (index == 0 || piece.data() == nullptr) return std::nullopt;
        return std::string_view(piece.data(), piece.size());
    };
    const auto& g = groups_;
    fields f{group(g.src), group(g.dst), group(g.dpt), group(g.proto), group(g.spt), group(g.seq), {}};
    if (g.flags != 0) f.flags = group(g.flags).value_or(""); // where there are flags, SYN has to be said
    return to_event(f, out);
}

} // namespace chronoknock::packet
