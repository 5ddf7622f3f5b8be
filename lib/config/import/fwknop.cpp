#include "config/import/fwknop.hpp"

#include "base/date.hpp"
#include "base/text.hpp"
#include "key/base64.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace chronoknock::config::importing {

namespace {

// Of the method fwknop (chronoknock.key(5)).
constexpr std::size_t least_secret = 16;
constexpr std::size_t most_secret = 128;
// What fwknopd lets a client ask for at most, unless MAX_FW_TIMEOUT says otherwise (access.conf).
constexpr std::int64_t usual_most = 300;
constexpr std::string_view usual_ports = "tcp/22";
constexpr std::int64_t latest_expiry = 7289654399; // the end of the year 2200, as parse_date() has it

struct variable {
    int line;
    std::string_view name; ///< as it is written, which is in capitals
    std::string_view value;
};

struct stanza {
    int line;
    std::vector<variable> variables;

    /// The last one: it counts.
    const variable* find(std::string_view name) const {
        const variable* found = nullptr;
        for (const auto& v : variables)
            if (v.name == name) found = &v;
        return found;
    }
};

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// "NAME value;" or "NAME: value".
variable read_line(std::string_view content, int line) {
    const auto end = static_cast<std::size_t>(std::ranges::find_if(content, is_blank) - content.begin());
    auto name = content.substr(0, end);
    if (name.ends_with(':')) name.remove_suffix(1);
    auto value = trim(content.substr(end));
    return {line, name, trim(value.substr(0, value.find(';')))};
}

bool is_yes(std::string_view text) { return text == "Y" || text == "y"; }

/// What a variable that has no counterpart was for.
struct remark {
    std::string_view name;
    std::string_view text;
    bool harmless; ///< if it is N
};
constexpr std::string_view no_commands = "not carried over: no knock runs a command";
constexpr std::string_view no_translation = "not carried over: no knock translates addresses";
constexpr std::string_view no_gpg = "not carried over: GnuPG is not used";
constexpr std::array<remark, 29> remarks = {{
    {"ENABLE_CMD_EXEC", no_commands, true},
    {"ENABLE_CMD_SUDO_EXEC", no_commands, true},
    {"CMD_EXEC_USER", no_commands, false},
    {"CMD_EXEC_GROUP", no_commands, false},
    {"CMD_SUDO_EXEC_USER", no_commands, false},
    {"CMD_SUDO_EXEC_GROUP", no_commands, false},
    {"SUDO_EXE", no_commands, false},
    {"CMD_CYCLE_OPEN", no_commands, false},
    {"CMD_CYCLE_CLOSE", no_commands, false},
    {"CMD_CYCLE_TIMER", no_commands, false},
    {"FORCE_NAT", no_translation, false},
    {"FORCE_SNAT", no_translation, false},
    {"FORCE_MASQUERADE", no_translation, true},
    {"FORWARD_ALL", no_translation, true},
    {"DISABLE_DNAT", no_translation, true},
    {"GPG_HOME_DIR", no_gpg, false},
    {"GPG_EXE", no_gpg, false},
    {"GPG_DECRYPT_ID", no_gpg, false},
    {"GPG_DECRYPT_PW", no_gpg, false},
    {"GPG_ALLOW_NO_PW", no_gpg, true},
    {"GPG_REQUIRE_SIG", no_gpg, true},
    {"GPG_DISABLE_SIG", no_gpg, true},
    {"GPG_IGNORE_SIG_VERIFY_ERROR", no_gpg, true},
    {"GPG_REMOTE_ID", no_gpg, false},
    {"GPG_FINGERPRINT_ID", no_gpg, false},
    {"%include", "not carried over: import that file by itself", false},
    {"%include_folder", "not carried over: import its files one by one", false},
    {"%include_keys", "not carried over: write the two lines of that file here instead", false},
    {"REQUIRE_USERNAME", "not carried over: whoever has the key gets in, whatever user name his client gives",
     false},
}};

constexpr std::array<std::string_view, 16> carried = {
    "SOURCE",
    "DESTINATION",
    "OPEN_PORTS",
    "RESTRICT_PORTS",
    "KEY",
    "KEY_BASE64",
    "HMAC_KEY",
    "HMAC_KEY_BASE64",
    "HMAC_DIGEST_TYPE",
    "ENCRYPTION_MODE",
    "FW_ACCESS_TIMEOUT",
    "MAX_FW_TIMEOUT",
    "ACCESS_EXPIRE",
    "ACCESS_EXPIRE_EPOCH",
    "REQUIRE_SOURCE_ADDRESS",
    "REQUIRE_SOURCE",
};

/// A secret of a stanza, in base64. The error says what was expected of which variable.
struct secret {
    std::string base64;
    int line = 0;
};
result<secret> read_secret(const stanza& s, std::string_view plain, std::string_view in_base64) {
    const auto* const encoded = s.find(in_base64);
    const auto* const text = encoded ? encoded : s.find(plain);
    const auto unfit = [&] {
        return error{std::string(encoded ? in_base64 : plain) + ": expected 16 to 128 bytes" +
                     (encoded ? " in base64" : "")};
    };
    if (!text) return error{std::string(in_base64) + ": expected, and missing"};
    if (!encoded) {
        const auto& v = text->value;
        if (v.size() < least_secret || v.size() > most_secret) return unfit();
        return secret{key::to_base64({reinterpret_cast<const std::uint8_t*>(v.data()), v.size()}),
                      text->line};
    }
    const auto bytes = key::from_base64(text->value);
    if (!bytes || bytes->size() < least_secret || bytes->size() > most_secret) return unfit();
    return secret{key::to_base64(*bytes), text->line};
}

/// "MM/DD/YYYY": the beginning of that day, as parse_date() takes it.
result<unix_time> read_expiry(std::string_view text) {
    const error unfit{"expected MM/DD/YYYY, up to the year 2200"};
    if (text.size() != 10 || text[2] != '/' || text[5] != '/') return unfit;
    const auto part = [&](std::size_t at, std::size_t n) { return std::string(text.substr(at, n)); };
    const auto date = parse_date(part(6, 4) + "-" + part(0, 2) + "-" + part(3, 2));
    return date ? date : unfit;
}

class fwknop_reader {
public:
    fwknop_reader(const std::string& file, std::int64_t now) : draft_(file), now_(now) {}

    result<imported> read(std::string_view text) {
        for (int line = 1; !text.empty(); ++line) {
            const auto end = text.find('\n');
            const auto content = trim(text.substr(0, end));
            text.remove_prefix(end == text.npos ? text.size() : end + 1);
            if (content.empty() || content.front() == '#' || content.front() == ';') continue;
            const auto v = read_line(content, line);
            if (v.name == "SOURCE") {
                read_stanza();
                stanza_ = {line, {}};
                ++number_;
            }
            stanza_.variables.push_back(v);
        }
        read_stanza();
        return draft_.finish("");
    }

private:
    void note(const variable& v, std::string_view text) { draft_.note(v.line, v.name, text); }
    void leave(std::string_view why) {
        draft_.note(stanza_.line, "SOURCE", "the stanza is not carried over: " + std::string(why));
    }

    void read_stanza() {
        if (stanza_.variables.empty()) return;
        if (number_ == 0) { // before the first SOURCE
            for (const auto& v : stanza_.variables) note(v, "not carried over: expected behind a SOURCE");
            return;
        }
        const auto cipher = read_secret(stanza_, "KEY", "KEY_BASE64");
        if (!cipher) return leave(stanza_.find("GPG_DECRYPT_ID") ? "GnuPG is not used" : cipher.error().text);
        const auto hmac = read_secret(stanza_, "HMAC_KEY", "HMAC_KEY_BASE64");
        if (!hmac) return leave(hmac.error().text);
        std::string digest = "sha256";
        if (const auto* const v = stanza_.find("HMAC_DIGEST_TYPE")) {
            digest.clear();
            for (const auto* name : {"md5", "sha1", "sha256", "sha384", "sha512"})
                if (same_letters(v->value, name)) digest = name;
            if (digest.empty())
                return leave("HMAC_DIGEST_TYPE: expected MD5, SHA1, SHA256, SHA384 or SHA512");
        }
        if (const auto* const v = stanza_.find("ENCRYPTION_MODE"); v && !same_letters(v->value, "cbc"))
            return leave("ENCRYPTION_MODE: expected CBC");
        const auto until = expiry();
        if (!until) return leave(until.error().text);
        if (to_seconds(*until) <= now_) return leave("it has expired");
        const auto ports = read_ports();
        if (ports.empty()) return;

        auto text = "method = fwknop\nkey_base64 = " + cipher->base64 +
                    "\nhmac_key_base64 = " + hmac->base64 + "\n" +
                    (digest == "sha256" ? "" : "hmac_digest = " + digest + "\n");
        const auto name = "fwknop-" + std::to_string(number_);
        const auto identity = cipher->base64 + " " + hmac->base64;
        const auto open_for = read_open_for();
        const auto more = *until == unix_time::max() ? "" : "until = " + utc(to_seconds(*until)) + "\n";
        if (draft_.add(stanza_.line, "SOURCE", {name, identity, std::move(text), more}, ports, open_for,
                       read_max_open_for()))
            note_rest();
    }

    static bool same_letters(std::string_view a, std::string_view lower) {
        return std::ranges::equal(a, lower, [](char x, char y) {
            return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
        });
    }

    /// The first moment at which the stanza does not count any more; max(): it always counts. The error says
    /// why that is not known.
    result<unix_time> expiry() const {
        auto until = unix_time::max();
        if (const auto* const v = stanza_.find("ACCESS_EXPIRE_EPOCH")) {
            const auto t = parse_number(v->value, 0, latest_expiry);
            if (!t) return error{std::string(v->name) + ": expected seconds since 1970, up to the year 2200"};
            if (*t != 0) until = unix_time(seconds(*t));
        }
        if (const auto* const v = stanza_.find("ACCESS_EXPIRE")) {
            const auto t = read_expiry(v->value);
            if (!t) return error{std::string(v->name) + ": " + t.error().text};
            until = std::min(until, *t);
        }
        return until;
    }

    /// What OPEN_PORTS names and RESTRICT_PORTS does not.
    std::vector<endpoint_range> read_ports() {
        const auto* const open = stanza_.find("OPEN_PORTS");
        if (!open)
            draft_.note(
                stanza_.line, "OPEN_PORTS",
                "there are none, and fwknopd opened whatever a client asked for; here it is tcp/22: more "
                "services take sections of their own");
        std::vector<endpoint_range> ports;
        for (const auto part : split_list(open ? open->value : usual_ports)) {
            const auto one = endpoint_range::parse(part);
            if (!one)
                note(*open, printable(part) + " is not carried over: expected a port like tcp/22");
            else if (std::ranges::find(ports, *one) == ports.end())
                ports.push_back(*one);
        }
        const auto* const closed = stanza_.find("RESTRICT_PORTS");
        for (const auto part : split_list(closed ? closed->value : "")) {
            const auto one = endpoint_range::parse(part);
            if (!one) note(*closed, printable(part) + " is not carried over: expected a port like tcp/22");
            if (one) std::erase_if(ports, [&](const endpoint_range& p) { return overlap(p, *one); });
        }
        if (ports.empty()) leave("it opens no port");
        return ports;
    }

    static std::int64_t longest() { return std::chrono::duration_cast<seconds>(longest_open_for).count(); }

    nanoseconds read_open_for() {
        const auto* const v = stanza_.find("FW_ACCESS_TIMEOUT");
        if (!v) return usual_open_for;
        const auto given = parse_number(v->value, 1, longest());
        if (given) return seconds(*given);
        note(*v, "expected 1 to " + std::to_string(longest()) + " seconds: 30s are taken (open_for)");
        return usual_open_for;
    }

    nanoseconds read_max_open_for() {
        const auto* const v = stanza_.find("MAX_FW_TIMEOUT");
        if (!v) return seconds(usual_most);
        const auto given = parse_number(v->value, 1, longest());
        if (given) return seconds(*given);
        note(*v, "expected 1 to " + std::to_string(longest()) + " seconds: 300s are taken (max_open_for)");
        return seconds(usual_most);
    }

    void note_rest() {
        for (const auto& v : stanza_.variables) {
            if ((v.name == "SOURCE" || v.name == "DESTINATION") && v.value != "ANY")
                note(v, "not carried over: packets count whatever address they come from, and go to");
            if (v.name == "REQUIRE_SOURCE_ADDRESS" || v.name == "REQUIRE_SOURCE") continue;
            if (std::ranges::find(carried, v.name) != carried.end()) continue;
            const auto known = std::ranges::find(remarks, v.name, &remark::name);
            if (known == remarks.end())
                note(v, "not carried over: fwknopd(8) does not know it");
            else if (!known->harmless || is_yes(v.value))
                note(v, known->text);
        }
        const auto* const own = stanza_.find("REQUIRE_SOURCE_ADDRESS");
        const auto* const alias = stanza_.find("REQUIRE_SOURCE");
        if (!(own && is_yes(own->value)) && !(alias && is_yes(alias->value)))
            draft_.note(
                stanza_.line, "REQUIRE_SOURCE_ADDRESS",
                "here it is as with Y, and packets open for the address they come from; clients that use "
                "-s, or -a for another one, take for_others = true");
    }

    draft draft_;
    std::int64_t now_;
    stanza stanza_{0, {}};
    int number_ = 0;
};

} // namespace

result<imported> read_fwknop(std::string_view text, const std::string& file, std::int64_t now) {
    return fwknop_reader(file, now).read(text);
}

} // namespace chronoknock::config::importing
