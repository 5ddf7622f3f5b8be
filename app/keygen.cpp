#include "app/options.hpp"
#include "io/system/files.hpp"
#include "io/system/random.hpp"
#include "key/psk.hpp"

namespace chronoknock::app {

namespace {

constexpr std::int64_t default_bits = 512;
constexpr std::int64_t most_bits = 65536;

usage keygen_usage() {
    usage u{
        "keygen --out FILE [OPTION...]",
        "Makes a key file with a fresh random secret, mode 0600. Give the same file to server and client.\n"
        "What is left out is left to the defaults that both ends share."};
    u.options.add_options()                                                                //
        ("out", text("FILE")->required(), "file to make; never overwritten")               //
        ("bits", text("N"), "size of the secret, a multiple of 8 (512)")                   //
        ("function", text("NAME"), "hmac-DIGEST, or DIGEST as in the paper (hmac-sha256)") //
        ("granularity", text("SECONDS"), "seconds that one sequence is good for (10)")     //
        ("length", text("N"), "number of ports (16; a plain DIGEST: bytes / 2)")           //
        ("ports", text("LIST"), "ports to knock on (1024-65535)")                          //
        ("realm", text("LABEL"), "label of the server or fleet (none)")                    //
        ("ignore", text("LIST"), "parameters left out: ip, time or ip,time (none)");
    return u;
}

/// The fields given, as lines of a key file: its one reader checks them, and the key is made from what it
/// read.
result<key::psk> read_fields(const po::variables_map& options) {
    std::string text = "secret = 00000000000000000000000000000000\n";
    for (const std::string field : {"function", "granularity", "length", "ports", "realm", "ignore"}) {
        const auto value = given(options, field);
        if (!value) continue;
        // A line break would smuggle in a second field, a # would cut the value short.
        if (value->find_first_of("\n#") != value->npos)
            return error{"--" + field + ": expected neither # nor a line break"};
        text += field + " = " + *value + "\n";
    }
    auto k = key::parse_psk(text);
    if (k) return k;
    const auto& what = k.error().text; // "line N: field: what"
    return error{"--" + (what.starts_with("line ") ? what.substr(what.find(": ") + 2) : what)};
}

} // namespace

int run_keygen(const arguments& args) {
    const auto parsed = parse_options(args, keygen_usage());
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    const auto& options = std::get<po::variables_map>(parsed);

    const auto bits = number_option(options, "bits", 128, most_bits, default_bits);
    if (!bits) return unfit("bits", bits.error());
    if (*bits % 8 != 0)
        return unfit("bits", {"expected a multiple of 8, not '" + std::to_string(*bits) + "'"});
    auto k = read_fields(options);
    if (!k) return say(bad_usage, k.error().text);
    auto secret = io::random_secret(static_cast<std::size_t>(*bits / 8));
    if (!secret) return say(failed, secret.error().text);
    k->secret = std::move(*secret);

    const auto written = io::write_new_file(*given(options, "out"), to_text(*k));
    if (!written) return say(failed, written.error().text);
    return done;
}

} // namespace chronoknock::app
