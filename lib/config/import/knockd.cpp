#include "config/import/knockd.hpp"

#include "base/text.hpp"
#include "config/import/iptables.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace chronoknock::config::importing {

namespace {

// Of the method static (chronoknock.key(5)).
constexpr std::size_t least_ports = 2;
constexpr std::size_t most_ports = 64;
constexpr std::size_t most_sequences = 4096;
// A strict sequence of so many ports has a budget above 60 bits, of a pad's eight live ones too
// (chronoknock-protocol(7), SECURITY BUDGET): 16 bits a port.
constexpr std::size_t ports_of_budget = 4;
constexpr std::size_t most_doors = 4096;
constexpr std::int64_t longest_timeout = 3600;
constexpr std::int64_t usual_timeout = 10; // of [knock]

std::string lower(std::string_view text) {
    std::string out(text);
    for (auto& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

struct directive {
    int line;
    std::string name; ///< in small letters
    std::string_view value;
};

struct section {
    int line;
    std::string_view name;
    std::vector<directive> directives;

    const directive* find(std::string_view wanted) const {
        const auto found = std::ranges::find(directives, wanted, &directive::name);
        return found == directives.end() ? nullptr : &*found;
    }
    /// By one of two names.
    const directive* find(std::string_view wanted, std::string_view alias) const {
        const auto* const found = find(wanted);
        return found ? found : find(alias);
    }
};

/// knockd's lines: [name], or name = value; a # at the beginning makes a remark.
result<std::vector<section>> read_sections(std::string_view text, const std::string& file) {
    std::vector<section> sections;
    for (int line = 1; !text.empty(); ++line) {
        const auto end = text.find('\n');
        const auto content = trim(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        const auto place = printable(file) + ":" + std::to_string(line) + ": ";
        if (content.empty() || content.front() == '#') continue;
        if (content.front() == '[') {
            const auto name = trim(content.substr(1, content.size() - 2));
            if (content.back() != ']' || name.empty()) return error{place + "expected [name]"};
            if (sections.size() == most_doors)
                return error{place + "expected at most " + std::to_string(most_doors) + " sections"};
            sections.push_back({line, name, {}});
            continue;
        }
        if (sections.empty()) return error{place + "expected a [section] first, as knockd.conf has them"};
        const auto equals = content.find('=');
        sections.back().directives.push_back(
            {line, lower(trim(content.substr(0, equals))),
             equals == content.npos ? std::string_view() : trim(content.substr(equals + 1))});
    }
    return sections;
}

/// "7000,8000:udp" as "7000, udp/8000"; none if it is no such sequence.
struct sequence {
    std::string text;
    std::size_t ports = 0;
};
std::optional<sequence> read_sequence(std::string_view text) {
    sequence s;
    for (const auto part : split_list(text)) {
        const auto colon = part.find(':');
        const auto port = parse_number(trim(part.substr(0, colon)), 0, 65535);
        const auto protocol = colon == part.npos ? "tcp" : lower(trim(part.substr(colon + 1)));
        if (!port || (protocol != "tcp" && protocol != "udp")) return {};
        s.text += (s.text.empty() ? "" : ", ") + std::string(protocol == "udp" ? "udp/" : "") +
                  std::to_string(*port);
        if (++s.ports > most_ports) return {};
    }
    return s.ports < least_ports ? std::nullopt : std::optional(s);
}

/// What a door is knocked at with.
struct pad {
    std::vector<sequence> sequences; ///< one: it never changes
    std::string identity() const {
        std::string all;
        for (const auto& s : sequences) all += (all.empty() ? "" : "; ") + s.text;
        return all;
    }
};

class knockd_reader {
public:
    knockd_reader(const std::string& file, std::int64_t issued, const file_reader& read_other)
        : draft_(file), issued_(issued), read_other_(read_other) {}

    result<imported> read(const std::vector<section>& sections) {
        for (const auto& s : sections)
            if (lower(s.name) == "options")
                read_options(s);
            else
                read_door(s);
        std::string more;
        if (!interface_.empty()) more += "\n[capture]\ninterface = " + interface_ + "\n";
        if (timeout_ > usual_timeout) more += "\n[knock]\ntimeout = " + std::to_string(timeout_) + "\n";
        return draft_.finish(more);
    }

private:
    static std::string about(const section& s, std::string_view name) {
        return "[" + std::string(s.name) + "] " + std::string(name);
    }

    void read_options(const section& s) {
        for (const auto& d : s.directives) {
            if (d.name == "interface" && fits_interface(d.value)) {
                interface_ = d.value;
            } else if (d.name == "usesyslog" || d.name == "logfile") {
                draft_.note(
                    d.line, about(s, d.name),
                    "not carried over: the log is standard error, which systemd keeps in its journal");
            } else if (d.name == "pidfile") {
                draft_.note(d.line, about(s, d.name), "not carried over: the server runs in the foreground");
            } else {
                draft_.note(d.line, about(s, d.name), "not carried over");
            }
        }
    }

    /// As [capture] interface takes it.
    static bool fits_interface(std::string_view text) {
        return !text.empty() && text.size() <= 15 && text != "." && text != ".." &&
               std::ranges::all_of(text, [](char c) {
                   return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != ',' && c != '#';
               });
    }

    void read_door(const section& s) {
        const auto* const command = s.find("start_command", "command");
        if (!command) return draft_.note(s.line, about(s, "command"), "not carried over: it has none");
        const auto rule = read_iptables(command->value);
        if (!rule)
            return draft_.note(command->line, about(s, command->name),
                               "the door is not carried over: " + rule.error().text);
        if (!rule->opens)
            return draft_.note(
                command->line, about(s, command->name),
                "the door is not carried over: it closes, and grants end by themselves (open_for)");
        const auto secret = read_secret(s);
        if (!secret) return;

        bool weak = secret->sequences.size() == 1;
        for (const auto& one : secret->sequences) weak |= one.ports < ports_of_budget;
        auto text = "method = static\nsequence = " + secret->identity() + "\n";
        if (secret->sequences.size() > 1) text += "issued = " + std::to_string(issued_) + "\n";
        // Strict, as knockd is: in set mode a sequence would be complete in any order.
        const std::string more = std::string("mode = strict\n") + (weak ? "allow_weak = true\n" : "");
        const auto identity = secret->identity();
        if (!draft_.add(s.line, "[" + std::string(s.name) + "]", {s.name, identity, std::move(text), more},
                        rule->ports, open_for(s, *command)))
            return;
        for (const auto& remark : rule->remarks) draft_.note(command->line, about(s, command->name), remark);
        if (weak) note_weakness(s, secret->sequences.size() == 1);
        note_rest(s, *rule);
    }

    void note_weakness(const section& s, bool is_fixed) {
        const auto* const d = s.find(is_fixed ? "sequence" : "one_time_sequences");
        draft_.note(d ? d->line : s.line, about(s, d ? d->name : "sequence"),
                    is_fixed
                        ? "allow_weak = true is set for it: it never changes, and whoever sees one knock "
                          "can repeat it for ever; chronoknock invite makes keys that do change"
                        : "allow_weak = true is set for it: sequences of fewer than " +
                              std::to_string(ports_of_budget) + " ports can be found by trying");
    }

    std::optional<pad> read_secret(const section& s) {
        if (const auto* const file = s.find("one_time_sequences")) return read_pad(s, *file);
        const auto* const d = s.find("sequence");
        const auto one = d ? read_sequence(d->value) : std::nullopt;
        if (one) return pad{{*one}};
        draft_.note(d ? d->line : s.line, about(s, "sequence"),
                    "the door is not carried over: expected 2 to 64 ports like 7000, 8000:udp");
        return {};
    }

    std::optional<pad> read_pad(const section& s, const directive& d) {
        const auto text = read_other_(std::string(d.value));
        if (!text) {
            draft_.note(d.line, about(s, d.name), "the door is not carried over: " + text.error().text);
            return {};
        }
        pad p;
        auto rest = std::string_view(*text);
        for (int line = 1; !rest.empty(); ++line) {
            const auto end = rest.find('\n');
            const auto content = trim(rest.substr(0, end));
            rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
            if (content.empty() || content.front() == '#') continue; // #: it was used
            const auto told = [&](std::string_view why) {
                draft_.note_in(d.value, line, about(s, d.name), "not carried over: " + std::string(why));
            };
            const auto one = read_sequence(content);
            if (!one)
                told("expected 2 to 64 ports like 7000, 8000:udp");
            else if (p.sequences.size() == most_sequences)
                told("a pad has " + std::to_string(most_sequences) + " sequences at most");
            else if (std::ranges::find(p.sequences, one->text, &sequence::text) != p.sequences.end())
                told("it stands there twice, and is good once");
            else
                p.sequences.push_back(*one);
        }
        if (p.sequences.size() < 2) {
            draft_.note(d.line, about(s, d.name),
                        "the door is not carried over: fewer than two sequences are left, and a single one "
                        "would be good for ever");
            return {};
        }
        return p;
    }

    nanoseconds open_for(const section& s, const directive& command) {
        const auto* const d = s.find("cmd_timeout");
        const auto longest = std::chrono::duration_cast<seconds>(longest_open_for).count();
        const auto given = d ? parse_number(d->value, 1, longest) : error{};
        if (given && s.find("stop_command")) return seconds(*given);
        draft_.note(d ? d->line : command.line, about(s, d ? d->name : command.name),
                    d && !given
                        ? "expected 1 to " + std::to_string(longest) + " seconds: 30s are taken"
                        : "the door stayed open until something closed it; here new connections get in "
                          "for 30s (open_for), and those that exist go on");
        return usual_open_for;
    }

    void note_rest(const section& s, const iptables_rule& rule) {
        for (const auto& d : s.directives) {
            const auto told = [&](std::string_view why) { draft_.note(d.line, about(s, d.name), why); };
            if (d.name == "seq_timeout") {
                const auto given = parse_number(d.value, 1, longest_timeout);
                if (!given) {
                    told("not carried over: expected 1 to 3600 seconds");
                    continue;
                }
                timeout_ = std::max(timeout_, *given);
                if (*given != usual_timeout)
                    told("[knock] timeout is one for all keys: 10s, or the longest of the file");
            } else if (d.name == "tcpflags") {
                if (!means_syn(d.value))
                    told("not carried over: knocks are SYNs without ACK, whatever other flags these were");
            } else if (d.name == "start_command_6" || d.name == "command_6") {
                const auto other = read_iptables(d.value);
                if (!other || !other->opens || other->ports != rule.ports)
                    told("not carried over: IPv6 gets the same as IPv4");
            } else if (d.name == "stop_command" || d.name == "stop_command_6") {
                const auto other = read_iptables(d.value);
                if (!d.value.empty() && (!other || other->opens))
                    told("not carried over: grants end by themselves, and nothing is run");
            } else if (d.name == "target") {
                told("not carried over: [capture] also_for names addresses behind this host");
            } else if (std::ranges::find(known_, d.name) == std::end(known_)) {
                told("not carried over: knockd(1) does not know it");
            }
        }
    }

    /// "syn", "syn,!ack": what every knock has.
    static bool means_syn(std::string_view text) {
        bool syn = false;
        for (const auto flag : split_list(text)) {
            const auto name = lower(flag);
            if (name == "syn")
                syn = true;
            else if (!name.starts_with('!') || name == "!syn")
                return false;
        }
        return syn;
    }

    static constexpr std::string_view known_[] = {"sequence", "one_time_sequences", "command",
                                                  "start_command", "cmd_timeout"};
    draft draft_;
    std::int64_t issued_;
    const file_reader& read_other_;
    std::string interface_;
    std::int64_t timeout_ = 0;
};

} // namespace

result<imported> read_knockd(std::string_view text, const std::string& file, std::int64_t issued,
                             const file_reader& read_other) {
    const auto sections = read_sections(text, file);
    if (!sections) return sections.error();
    return knockd_reader(file, issued, read_other).read(*sections);
}

} // namespace chronoknock::config::importing
