#include "app/options.hpp"
#include "io/system/clock.hpp"
#include "io/system/files.hpp"
#include "io/system/random.hpp"
#include "method/method.hpp"

#include <algorithm>
#include <array>
#include <list>
#include <vector>

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

usage keygen_usage() {
    usage u{"keygen --out FILE [OPTION...]", "Makes a key file with a fresh random secret, mode 0600. Give "
                                             "the same file to server and client; of\n"
                                             "the method otp the server has a file of its own. What is left "
                                             "out is left to the defaults that both\n"
                                             "ends share."};
    u.options.add_options()                                                                        //
        ("out", text("FILE")->required(), "file to make; never overwritten")                       //
        ("server-out", text("FILE"), "the server's file, where that is another one (FILE.server)") //
        ("method", text("NAME")->default_value("time-sequence"), "the way of knocking");
    for (const auto& o : field_options) u.options.add_options()(o.name, text(o.value), o.help);
    u.options.add_options()("field", po::value<std::vector<std::string>>()->value_name("NAME=VALUE"),
                            "any field of the key file, may be repeated");
    return u;
}

/// The fields that were given, of which the row of the method is the one reader. texts: what they are views
/// of.
result<std::vector<ini_field>> read_fields(const po::variables_map& options, std::list<std::string>& texts) {
    std::vector<ini_field> fields;
    const auto add = [&](const std::string& name, std::string value) -> result<void> {
        // A line break would smuggle in a second field, a # would cut the value short.
        if (value.find_first_of("\n#") != value.npos)
            return error{"--" + name + ": expected neither # nor a line break"};
        if (std::ranges::find(fields, name, &ini_field::name) != fields.end())
            return error{"--field: expected " + printable(name) + " once"};
        fields.push_back({name, texts.emplace_back(std::move(value))});
        return {};
    };
    for (const auto& o : field_options)
        if (auto value = given(options, o.name))
            if (const auto added = add(o.name, std::move(*value)); !added) return added.error();
    if (options.count("field"))
        for (const auto& one : options["field"].as<std::vector<std::string>>()) {
            const auto equals = one.find('=');
            const auto name = std::string(trim(one.substr(0, equals)));
            if (equals == one.npos || name.empty()) return error{"--field: expected NAME=VALUE"};
            if (name == "method") return error{"--field: expected no method; --method names it"};
            if (const auto added = add(name, std::string(trim(one.substr(equals + 1)))); !added)
                return added.error();
        }
    for (auto& f : fields) f.value = trim(f.value);
    return fields;
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

/// Both files, or neither.
result<void> write(const po::variables_map& options, const method::key_files& files) {
    const auto out = *given(options, "out");
    if (files.server.empty()) return io::write_new_file(out, files.client);
    const auto server_out = given(options, "server-out").value_or(out + ".server");
    if (const auto written = io::write_new_file(server_out, files.server); !written) return written;
    auto written = io::write_new_file(out, files.client);
    if (!written) io::remove_file(server_out);
    return written;
}

} // namespace

int run_keygen(const arguments& args) {
    const auto parsed = parse_options(args, keygen_usage());
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    const auto& options = std::get<po::variables_map>(parsed);

    const auto found = find_method(*given(options, "method"));
    if (!found) return unfit("method", found.error());
    std::list<std::string> texts;
    const auto fields = read_fields(options, texts);
    if (!fields) return say(bad_usage, fields.error().text);
    const auto random = io::random_secret(random_bytes);
    if (!random) return say(failed, random.error().text);
    const auto files = (*found)->generate(*fields, *random, to_seconds(io::system_now()));
    if (!files) {
        const auto& why = files.error().text; // "line N: field: what was expected"
        return say(bad_usage, "--" + (why.starts_with("line ") ? why.substr(why.find(": ") + 2) : why));
    }
    if (files->server.empty() && options.count("server-out"))
        return unfit("server-out", {"expected none: both ends have the same file"});
    const auto written = write(options, *files);
    if (!written) return say(failed, written.error().text);
    return done;
}

} // namespace chronoknock::app
