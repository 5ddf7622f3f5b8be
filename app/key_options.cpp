#include "app/key_options.hpp"

#include "io/system/clock.hpp"
#include "io/system/random.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace chronoknock::app {

namespace {

constexpr std::size_t random_bytes = 8192; // method::row::generate

/// A field that has an option of its own: those of time-sequence, and what is asked for often.
struct field_option {
    const char* name;
    const char* value;
    const char* help;
};
constexpr std::array<field_option, 11> field_options = {{
    {"bits", "N", "size of the secret, a multiple of 8 (512)"},
    {"function", "NAME", "hmac-DIGEST, or DIGEST as in the paper (hmac-sha256); of otp otp-sha1 or otp-md5"},
    {"granularity", "SECONDS", "seconds that one sequence is good for (10)"},
    {"length", "N", "number of ports (16; a plain DIGEST: bytes / 2)"},
    {"ports", "LIST", "ports to knock on (1024-65535)"},
    {"realm", "LABEL", "label of the server or fleet (none)"},
    {"ignore", "LIST", "parameters left out: ip, time or ip,time (none)"},
    {"carrier", "LIST", "what a message may travel by, the client's first choice first"},
    {"zone", "NAME", "of the carrier dns: the zone of its questions"},
    {"count", "N", "of otp: number of passwords (1000)"},
    {"lookahead", "N", "of otp: passwords that the server looks for beyond the last one (4)"},
}};

} // namespace

void add_key_options(po::options_description& options) {
    options.add_options()("method", text("NAME"), "the way of knocking (time-sequence)");
    for (const auto& o : field_options) options.add_options()(o.name, text(o.value), o.help);
    options.add_options()("field", po::value<std::vector<std::string>>()->value_name("NAME=VALUE"),
                          "any field of the key file, may be repeated");
}

result<void> key_fields::add(const std::string& name, std::string value) {
    // A line break would smuggle in a second field, a # would cut the value short.
    if (value.find_first_of("\n#") != value.npos)
        return error{"--" + name + ": expected neither # nor a line break"};
    if (std::ranges::find(fields, name, &ini_field::name) != fields.end())
        return error{"--field: expected " + printable(name) + " once"};
    fields.push_back({name, trim(texts.emplace_back(std::move(value)))});
    return {};
}

result<key_fields> read_key_fields(const po::variables_map& options) {
    key_fields read;
    for (const auto& o : field_options)
        if (auto value = given(options, o.name))
            if (const auto added = read.add(o.name, std::move(*value)); !added) return added.error();
    if (options.count("field"))
        for (const auto& one : options["field"].as<std::vector<std::string>>()) {
            const auto equals = one.find('=');
            const auto name = std::string(trim(one.substr(0, equals)));
            if (equals == one.npos || name.empty()) return error{"--field: expected NAME=VALUE"};
            if (name == "method") return error{"--field: expected no method; --method names it"};
            if (const auto added = read.add(name, one.substr(equals + 1)); !added) return added.error();
        }
    return {boost::system::in_place_value, std::move(read)};
}

result<const method::row*> find_method(const std::string& name) {
    std::string known;
    for (const auto& m : method::methods()) {
        if (!m.generate) continue;
        if (m.name == name) return &m;
        known += (known.empty() ? "" : ", ") + std::string(m.name);
    }
    return error{"expected one of " + known + ", not '" + printable(name) + "'"};
}

std::variant<method::key_files, not_made> make_key(const method::row& m, const key_fields& fields) {
    const auto random = io::random_secret(random_bytes);
    if (!random) return not_made{failed, random.error().text};
    auto files = m.generate(fields.fields, *random, to_seconds(io::system_now()));
    if (files) return std::move(*files);
    const auto& why = files.error().text; // "line N: field: what was expected"
    return not_made{bad_usage, "--" + (why.starts_with("line ") ? why.substr(why.find(": ") + 2) : why)};
}

} // namespace chronoknock::app
