#include "method/otp/generate.hpp"

#include "base/base32.hpp"
#include "key/psk.hpp"
#include "method/otp/key.hpp"

#include <algorithm>
#include <array>

namespace chronoknock::otp {

namespace {

constexpr std::string_view default_count = "1000";
constexpr std::size_t bytes_of_seed = 5;
constexpr std::size_t bytes_of_passphrase = 20; // 160 bits in 32 letters: RFC 2289 knows up to 63

using fields = std::vector<ini_field>;

const ini_field* find(const fields& all, std::string_view name) {
    const auto found = std::ranges::find(all, name, &ini_field::name);
    return found == all.end() ? nullptr : &*found;
}

std::string text_of(const fields& all) {
    std::string text = "method = otp\n";
    for (const auto& f : all) text.append(f.name).append(" = ").append(f.value).append("\n");
    return text;
}

} // namespace

result<method::key_files> generate(std::span<const ini_field> given, std::span<const std::uint8_t> random,
                                   std::int64_t now) {
    fields client, server;
    for (const auto& f : given) {
        if (f.name == "verifier")
            return error{key::place_of(f) + "expected none: it follows from the passphrase"};
        const bool of_server = f.name == "issued" || f.name == "lookahead";
        const bool of_client = f.name == "passphrase" || f.name == "count";
        if (!of_server) client.push_back(f);
        if (!of_client) server.push_back(f);
    }
    // The values are views of texts that live as long as the fields do.
    const auto function = std::string(to_string(key::otp_function::sha1));
    const auto seed = to_base32hex(random.first(bytes_of_seed));
    const auto passphrase = to_base32hex(random.subspan(bytes_of_seed, bytes_of_passphrase));
    const std::array<std::pair<std::string_view, std::string_view>, 4> defaults = {
        {{"function", function}, {"seed", seed}, {"passphrase", passphrase}, {"count", default_count}}};
    for (const auto& [name, value] : defaults) {
        if (find(client, name)) continue;
        client.push_back({std::string(name), value});
        if (name == "function" || name == "seed") server.push_back({std::string(name), value});
    }
    const auto k = read_key(client);
    if (!k) return k.error();
    const auto& c = static_cast<const credential&>(**k);
    const auto count = c.client()->count;
    const auto last =
        key::otp_hash(c.common().function).password(c.common().seed, c.client()->passphrase, count);
    const auto verifier = std::to_string(count) + ":" + key::otp_hex(last);
    const auto issued = std::to_string(now);
    server.push_back({"verifier", verifier});
    if (!find(server, "issued")) server.push_back({"issued", issued});
    if (const auto fits = read_key(server); !fits) return fits.error();
    return method::key_files{text_of(client), text_of(server)};
}

} // namespace chronoknock::otp
