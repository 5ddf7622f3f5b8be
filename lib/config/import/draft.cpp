#include "config/import/draft.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace chronoknock::config::importing {

namespace {

constexpr std::size_t most_name = 48; // of 64, since a number may be added
constexpr std::size_t most_notes = 1000;

struct known_port {
    transport protocol;
    std::uint16_t port;
    std::string_view name;
};
constexpr std::array<known_port, 8> known_ports = {{
    {transport::tcp, 22, "ssh"},
    {transport::tcp, 25, "smtp"},
    {transport::tcp, 80, "http"},
    {transport::tcp, 443, "https"},
    {transport::tcp, 3389, "rdp"},
    {transport::tcp, 5900, "vnc"},
    {transport::udp, 1194, "openvpn"},
    {transport::udp, 51820, "wireguard"},
}};

std::string name_of(const endpoint_range& e) {
    for (const auto& k : known_ports)
        if (k.protocol == e.protocol && k.port == e.ports.first && k.port == e.ports.last)
            return std::string(k.name);
    auto name = e.to_string(); // "tcp/8000-8010"
    std::ranges::replace(name, '/', '-');
    return name;
}

} // namespace

void draft::note_in(std::string_view file, int line, std::string_view about, std::string_view text) {
    if (out_.notes.size() > most_notes) return;
    if (out_.notes.size() == most_notes)
        out_.notes.push_back(printable(file) + ": and more, which is not told");
    else
        out_.notes.push_back(printable(file) + ":" + std::to_string(line) + ": " + printable(about) + ": " +
                             std::string(text));
}

std::string draft::fresh_name(std::string_view wished) {
    std::string name;
    for (const char c : wished.substr(0, most_name)) {
        const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          c == '.' || c == '_' || c == '@';
        name += fits ? c : '-';
    }
    if (name.empty() || name.front() == '.') name.insert(0, "key");
    auto free = name;
    for (int n = 2; !names_.insert(free).second; ++n) free = name + "-" + std::to_string(n);
    return free;
}

bool draft::add(int line, std::string_view about, const key& k, std::span<const endpoint_range> ports,
                nanoseconds open_for, nanoseconds max_open_for) {
    if (made_.size() >= most_keys) {
        note(line, about,
             "not carried over: " + std::to_string(most_keys) + " keys are taken from one file at most");
        return false;
    }
    auto known = std::ranges::find_if(made_, [&](const made_key& m) { return m.identity == k.identity; });
    if (known != made_.end() && known->more != k.more) {
        note(line, about,
             "not carried over: the same secret as [key." + known->name +
                 "], which is good for another time, and a key has one section");
        return false;
    }
    max_open_for = std::max(open_for, max_open_for);
    std::vector<std::size_t> opens;
    for (const auto& p : ports) {
        const auto same =
            std::ranges::find_if(services_, [&](const service& s) { return s.ports.front() == p; });
        if (same != services_.end()) {
            opens.push_back(static_cast<std::size_t>(same - services_.begin()));
            if (same->open_for != open_for)
                note(line, about,
                     p.to_string() + " is opened for " + to_string(std::max(same->open_for, open_for)) +
                         ", the longest that the file has for it: a service has one time for all keys");
            same->open_for = std::max(same->open_for, open_for);
            same->max_open_for = std::max(same->max_open_for, max_open_for);
            continue;
        }
        const auto other =
            std::ranges::find_if(services_, [&](const service& s) { return overlap(s.ports.front(), p); });
        if (other != services_.end()) {
            note(line, about,
                 p.to_string() + " is not carried over: it overlaps " + other->ports.front().to_string() +
                     ", and no port belongs to two services");
            continue;
        }
        opens.push_back(services_.size());
        services_.push_back({name_of(p), {p}, open_for, 0, max_open_for});
    }
    if (opens.empty()) {
        note(line, about, "not carried over: it would open nothing");
        return false;
    }
    if (known != made_.end()) {
        note(line, about,
             "the same secret as [key." + known->name + "], which opens this too: one key, one name");
    } else {
        const auto name = fresh_name(k.name);
        out_.keys.push_back({"keys/" + name + ".key", k.text});
        known = made_.insert(made_.end(), {name, std::string(k.identity), std::string(k.more), {}});
    }
    for (const auto s : opens)
        if (std::ranges::find(known->services, s) == known->services.end()) known->services.push_back(s);
    return true;
}

result<imported> draft::finish(std::string_view sections) {
    if (made_.empty()) {
        // Whatever came before, the last note is the nearest to the cause.
        return error{printable(file_) + ": nothing of it can be carried over" +
                     (out_.notes.empty() ? "" : "; " + out_.notes.back())};
    }
    auto& text = out_.configuration;
    text = "# Made by chronoknock import; chronoknock.ini(5) says what it means, and chronoknock check "
           "--config what it\n"
           "# comes to. It holds services and keys; time servers, always_allow and the rest stand at their "
           "defaults.\n";
    text += sections;
    for (const auto& s : services_) {
        text += "\n[service." + s.name + "]\nports = " + s.ports.front().to_string() +
                "\nopen_for = " + to_string(s.open_for) + "\n";
        if (s.max_open_for > s.open_for) text += "max_open_for = " + to_string(s.max_open_for) + "\n";
    }
    for (const auto& m : made_) {
        std::string names;
        for (const auto s : m.services) names += (names.empty() ? "" : ", ") + services_[s].name;
        text += "\n[key." + m.name + "]\nfile = keys/" + m.name + ".key\nservices = " + names + "\n" + m.more;
    }
    return std::move(out_);
}

} // namespace chronoknock::config::importing
