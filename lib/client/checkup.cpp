#include "client/checkup.hpp"

#include "base/in_words.hpp"
#include "client/reach.hpp"

#include <cmath>

namespace chronoknock::client {

namespace {

std::string port_of(std::uint16_t port) { return "port " + std::to_string(port); }

} // namespace

std::string_view to_string(health h) {
    switch (h) {
    case health::ok:
        return "ok";
    case health::wrong:
        return "wrong";
    case health::unknown:
        return "unknown";
    }
    return "?";
}

check check_name(const std::string& host, const result<std::vector<address>>& found) {
    if (!found)
        return {"name", health::wrong, found.error().text,
                "see whether the name is spelt right and this machine has the DNS, or give an address"};
    std::string text;
    for (const auto& a : *found) text += (text.empty() ? host + ": " : ", ") + a.to_string();
    if (found->empty())
        return {"name", health::wrong, host + ": no address of the wanted family",
                "leave out --ipv4 or --ipv6, and a --source of the other family"};
    return {"name", health::ok, text};
}

check check_route(const address& target, const result<address>& source) {
    if (!source)
        return {"route", health::wrong, source.error().text, "see whether this machine has a network"};
    return {"route", health::ok, "to " + target.to_string() + " from " + source->to_string()};
}

check check_address(const address_facts& f) {
    if (!f.heeds_address) return {"address", health::ok, "any: the key's knocks are for none in particular"};
    if (f.given) return {"address", health::ok, f.given->to_string() + ", as given"};
    if (!is_translated(f.source, f.target))
        return {"address", health::ok, f.source.to_string() + ", which no router seems to replace"};
    if (!f.stun)
        return {
            "address", health::wrong, f.source.to_string() + ", which a router replaces",
            "give --stun HOST, which asks for the address that the server sees, or --source IP; a key with "
            "ignore = ip needs neither"};
    if (!*f.stun)
        return {"address", health::wrong, f.stun->error().text,
                "give two servers that agree with --stun, or --source IP"};
    return {"address", health::ok,
            (*f.stun)->to_string() + ", as STUN says, in place of " + f.source.to_string() +
                (f.stun_alone ? "; it is one server's word alone, which a second one would have to confirm"
                              : "")};
}

check check_clock(time_source from, const std::optional<result<clock_fix>>& asked,
                  std::uint32_t granularity) {
    if (from == time_source::none) return {"clock", health::ok, "not needed: the key's knocks have no time"};
    if (!asked && from == time_source::vouched)
        return {"clock", health::ok, "the system clock, which the kernel says is kept by a time server"};
    if (!asked)
        return {"clock", health::unknown, "the system clock, and nobody knows how far that is off",
                "give --time-server HOST in place of none"};
    if (!*asked)
        return {"clock", health::wrong, asked->error().text,
                "name other time servers with --time-server; none takes the system clock"};
    const auto& fix = **asked;
    const auto offset = (fix.offset < nanoseconds(0) ? "-" : "+") + in_words(std::chrono::abs(fix.offset));
    const auto text =
        "time servers say " + offset + " to the system clock, give or take " + in_words(fix.error);
    if (granularity != 0 && fix.error > nanoseconds(seconds(granularity)) / 2)
        return {"clock", health::wrong, text + ", more than half of the key's granularity",
                "name nearer time servers with --time-server"};
    return {"clock", health::ok, text};
}

check check_key(const result<std::string>& kind) {
    if (!kind)
        return {"key", health::wrong, kind.error().text, "get the key's file from the server's owner again"};
    return {"key", health::ok, *kind};
}

check check_window(const std::optional<turn>& t, std::uint32_t granularity) {
    if (!t) return {"window", health::ok, "none: the key's knocks do not wait for one"};
    const auto g = std::to_string(granularity) + " s";
    if (t->wait == nanoseconds(0))
        return {"window", health::ok, "the present one of " + g + " has not been used"};
    return {"window", health::ok,
            "the present one of " + g + " has been used; the next begins in " + in_words(t->wait)};
}

check check_door(std::uint16_t port, port_state before) {
    switch (before) {
    case port_state::untried:
        return {"before", health::unknown, "no port was tried: --wait PORT names one"};
    case port_state::open:
        return {"before", health::ok, port_of(port) + " is open already"};
    case port_state::refused:
        return {"before", health::ok, port_of(port) + " is shut: it answers as a closed port does"};
    case port_state::silent:
        break;
    }
    return {"before", health::ok, port_of(port) + " is shut: it keeps silent"};
}

check check_knock(const knock_facts& f) {
    const auto sent = std::to_string(f.sent) + (f.sent == 1 ? " packet" : " packets");
    if (!f.hears_answers) return {"knock", health::ok, sent + " sent; no answers to hear"};
    if (f.answered != 0)
        return {"knock", health::ok,
                sent + " sent, " + std::to_string(f.answered) + " answered: they arrived"};
    if (!f.obstacle.empty())
        return {"knock", health::wrong, sent + " sent, none answered: " + f.obstacle, diagnose(f).advice};
    return {"knock", health::unknown, sent + " sent, none answered: the host keeps silent, or is not there"};
}

check check_opening(const knock_facts& f, std::optional<nanoseconds> after) {
    if (f.before == port_state::open)
        return {"after", health::unknown, "no knock was needed, so none was sent", diagnose(f).advice};
    if (f.port == 0) return {"after", health::unknown, "no port was tried: --wait PORT names one"};
    if (after)
        return {"after", health::ok, port_of(f.port) + " open " + in_words(*after) + " after the knock"};
    const auto found = diagnose(f);
    return {"after", health::wrong, port_of(f.port) + " did not open: " + found.reason, found.advice};
}

} // namespace chronoknock::client
