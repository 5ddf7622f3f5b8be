#include "config/import/iptables.hpp"

#include "base/text.hpp"
#include "base/words.hpp"

#include <algorithm>
#include <optional>

namespace chronoknock::config::importing {

namespace {

constexpr std::size_t most_ports = 15; // of a rule: what multiport takes

/// "22", "80,443", "8000:8010".
result<std::vector<port_range>> read_ports(std::string_view text) {
    std::vector<port_range> ports;
    for (const auto part : split_list(text)) {
        std::string as_ours(part);
        std::ranges::replace(as_ours, ':', '-');
        const auto range = port_range::parse(as_ours);
        if (!range || range->first == 0 || ports.size() == most_ports)
            return error{"expected ports like 22 or 8000:8010, not '" + printable(part) + "'"};
        ports.push_back(*range);
    }
    return ports;
}

/// Reads the words one by one.
class rule_reader {
public:
    explicit rule_reader(const std::vector<std::string>& words) : words_(words) {}

    result<iptables_rule> read() {
        if (const auto done = read_program(); !done) return done.error();
        while (at_ < words_.size())
            if (const auto done = read_option(words_[at_++]); !done) return done.error();
        return finish();
    }

private:
    result<void> read_program() {
        if (words_.empty()) return error{"expected a command"};
        const auto program = words_[at_++];
        const auto name = program.substr(program.rfind('/') + 1);
        if (!name.starts_with("iptables") && !name.starts_with("ip6tables"))
            return error{"it runs " + printable(name) +
                         ", and only rules of iptables that accept are understood"};
        return {};
    }

    result<std::string> value_of(const std::string& option) {
        if (at_ == words_.size()) return error{"expected a value behind " + printable(option)};
        return {boost::system::in_place_value, words_[at_++]};
    }

    result<void> read_option(const std::string& option) {
        const auto is = [&](std::string_view brief, std::string_view lengthy) {
            return option == brief || option == lengthy;
        };
        if (option == "--syn") return {};
        if (is("-w", "--wait")) return skip_number();
        const bool append = is("-A", "--append"), insert = is("-I", "--insert"),
                   remove = is("-D", "--delete");
        const auto value = value_of(option);
        if (!value) return value.error();
        if (append || insert || remove) {
            chain_ = *value;
            rule_.opens = !remove;
            return insert ? skip_number() : result<void>();
        }
        if (is("-s", "--source") || option == "--src") {
            if (*value != "%IP%" && *value != "%IP%/32" && *value != "%IP%/128")
                return error{"its source is " + printable(*value) +
                             " and not the address that knocked, %IP%"};
            from_knocker_ = true;
            return {};
        }
        if (is("-p", "--protocol") || option == "--proto") return read_protocol(*value);
        if (option == "--dport" || option == "--dports" || option == "--destination-port" ||
            option == "--destination-ports") {
            const auto ports = read_ports(*value);
            if (!ports) return ports.error();
            ports_.insert(ports_.end(), ports->begin(), ports->end());
            return {};
        }
        if (is("-j", "--jump")) {
            accepts_ = *value == "ACCEPT";
            if (!accepts_) return error{"it jumps to " + printable(*value) + ", not to ACCEPT"};
            return {};
        }
        if (is("-t", "--table") && *value == "filter") return {};
        if (is("-m", "--match")) {
            for (const auto* known : {"tcp", "udp", "multiport", "state", "conntrack", "comment"})
                if (*value == known) return {};
            return error{"it matches by " + printable(*value)};
        }
        if (option == "--state" || option == "--ctstate" || option == "--comment") return {};
        if (is("-i", "--in-interface") || is("-d", "--destination") || option == "--dst") {
            rule_.remarks.push_back(printable(option) + " " + printable(*value) +
                                    " is not carried over: a grant holds on every interface and address");
            return {};
        }
        return error{"it has the option " + printable(option)};
    }

    result<void> skip_number() {
        if (at_ < words_.size() && parse_number(words_[at_], 0, 1'000'000)) ++at_;
        return {};
    }

    result<void> read_protocol(std::string_view text) {
        if (text != "tcp" && text != "udp") return error{"its protocol is " + printable(text)};
        protocol_ = text == "tcp" ? transport::tcp : transport::udp;
        return {};
    }

    result<iptables_rule> finish() {
        if (chain_.empty()) return error{"it neither adds a rule nor deletes one"};
        if (!rule_.opens) return std::move(rule_);
        if (chain_ == "FORWARD" || chain_ == "OUTPUT")
            return error{"its chain is " + chain_ +
                         ": what lies behind a host is guarded by [capture] also_for"};
        if (!from_knocker_) return error{"it accepts from everybody, not from %IP%"};
        if (!accepts_) return error{"it accepts nothing"};
        if (ports_.empty()) return error{"it names no --dport: a service has ports"};
        if (!protocol_) rule_.remarks.push_back("it names no protocol: tcp is taken");
        for (const auto& p : ports_) rule_.ports.push_back({protocol_.value_or(transport::tcp), p});
        return std::move(rule_);
    }

    const std::vector<std::string>& words_;
    std::size_t at_ = 0;
    iptables_rule rule_;
    std::string chain_;
    std::optional<transport> protocol_;
    std::vector<port_range> ports_;
    bool from_knocker_ = false;
    bool accepts_ = false;
};

} // namespace

result<iptables_rule> read_iptables(std::string_view command) {
    if (command.find_first_of(";&|`$()<>\\\n") != command.npos)
        return error{"it is a line for a shell, and only one rule of iptables that accepts is understood"};
    const auto words = split_words(command);
    if (!words) return words.error();
    return rule_reader(*words).read();
}

} // namespace chronoknock::config::importing
