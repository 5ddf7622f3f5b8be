#include "method/fwknop/message.hpp"

#include "base/text.hpp"
#include "key/base64.hpp"
#include "key/digest.hpp"

#include <algorithm>
#include <array>

namespace chronoknock::fwknop {

namespace {

constexpr std::string_view version = "3.0.0"; // of the format
constexpr std::size_t digits_of_random = 16;
constexpr std::size_t most_of_version = 8;
constexpr std::size_t most_of_user = 64;
constexpr std::size_t most_of_access = 256;
constexpr std::size_t most_fields = 9;
constexpr std::int64_t latest = 9'000'000'000;           // nanoseconds since the epoch go a little further
constexpr std::int64_t longest = 10 * 365 * 24 * 3600LL; // the service bounds what is granted

enum type {
    command,
    access,
    nat_access,
    timed_access,
    timed_nat_access,
    local_nat_access,
    timed_local_nat_access
};

std::string base64_of(std::string_view text) {
    return key::to_base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string digest_of(std::string_view text, const std::string& name) {
    key::digest d(name);
    std::vector<std::uint8_t> hash(d.size());
    d({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, hash.data());
    return key::to_base64(hash);
}

/// fwknop's digests are told apart by their length in base64.
const char* digest_by_length(std::size_t length) {
    switch (length) {
    case 22:
        return "md5";
    case 27:
        return "sha1";
    case 43:
        return "sha256";
    case 64:
        return "sha384";
    case 86:
        return "sha512";
    default:
        return nullptr;
    }
}

bool all_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

std::optional<std::int64_t> read_number(std::string_view text, std::int64_t most) {
    if (!all_digits(text)) return {};
    const auto n = parse_number(text, 0, most);
    return n ? std::optional(*n) : std::nullopt;
}

bool is_version(std::string_view text) {
    return text.size() <= most_of_version && text.starts_with("3.") &&
           text.find_first_not_of("0123456789.") == text.npos;
}

std::optional<std::string> read_base64(std::string_view text, std::size_t most) {
    const auto bytes = key::from_base64(text);
    if (!bytes || bytes->empty() || bytes->size() > most) return {};
    return std::string(bytes->begin(), bytes->end());
}

/// "192.0.2.1,tcp/22,udp/53".
bool read_access(std::string_view text, message& m) {
    const auto comma = text.find(',');
    if (comma == text.npos) return false;
    const auto who = address::parse(text.substr(0, comma));
    auto ports = parse_asked_ports(text.substr(comma + 1));
    if (!who || !who->is_v4() || !ports) return false;
    m.who = *who;
    m.ports = std::move(*ports);
    return true;
}

} // namespace

std::string to_text(const message& m) {
    auto asked = m.who.to_string();
    for (const auto& p : m.ports) asked += "," + p.to_string();
    auto text = m.random + ":" + base64_of(m.user) + ":" + std::to_string(m.time) + ":" +
                std::string(version) + ":" + std::to_string(m.open_for ? timed_access : access) + ":" +
                base64_of(asked);
    if (m.open_for) text += ":" + std::to_string(m.open_for->count());
    return text + ":" + digest_of(text, "sha256");
}

std::optional<std::vector<std::string_view>> read_fields(std::string_view text) {
    const auto end = text.rfind(':');
    if (end == text.npos) return {};
    const auto digest = text.substr(end + 1);
    const auto* const name = digest_by_length(digest.size());
    if (!name || digest_of(text.substr(0, end), name) != digest) return {};
    std::vector<std::string_view> fields;
    for (auto rest = text.substr(0, end);;) {
        const auto colon = rest.find(':');
        fields.push_back(rest.substr(0, colon));
        if (colon == rest.npos || fields.size() > most_fields) return fields;
        rest.remove_prefix(colon + 1);
    }
}

reading read_message(const std::vector<std::string_view>& fields) {
    const auto refuse = [](std::string why, std::optional<std::int64_t> time = {}) {
        return reading{{}, {std::move(why), time}};
    };
    constexpr auto unknown = "a message of another form than fwknop's format 3";
    if (fields.size() < 6) return refuse(unknown);
    message m;
    const auto user = read_base64(fields[1], most_of_user);
    const auto time = read_number(fields[2], latest);
    const auto kind = read_number(fields[4], 99);
    if (fields[0].size() != digits_of_random || !all_digits(fields[0]) || !user || !time ||
        !is_version(fields[3]) || !kind)
        return refuse(unknown);
    switch (*kind) {
    case command:
        return refuse("it asks for a command to be run, which is never done", time);
    case access:
    case timed_access:
        break;
    case nat_access:
    case timed_nat_access:
    case local_nat_access:
    case timed_local_nat_access:
        return refuse("it asks for a translation of addresses, which is never made", time);
    default:
        return refuse("a message of a type that is not known", time);
    }
    if (fields.size() != (*kind == timed_access ? 7u : 6u)) return refuse(unknown, time);
    const auto asked = read_base64(fields[5], most_of_access);
    if (!asked || !read_access(*asked, m))
        return refuse("expected an IPv4 address and ports like tcp/22 in it", time);
    if (*kind == timed_access) {
        const auto duration = read_number(fields[6], longest);
        if (!duration) return refuse("expected a duration in seconds in it", time);
        if (*duration != 0) m.open_for = seconds(*duration);
    }
    m.random = fields[0];
    m.user = *user;
    m.time = *time;
    return {std::move(m), {}};
}

} // namespace chronoknock::fwknop
