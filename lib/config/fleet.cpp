#include "config/fleet.hpp"

#include "config/fields.hpp"
#include "config/host_port.hpp"
#include "config/names.hpp"

#include <boost/algorithm/hex.hpp>
#include <iterator>

namespace chronoknock::config {

namespace {

constexpr std::string_view scheme = "https://";
constexpr std::uint16_t etcd_port = 2379;
constexpr std::size_t most_prefix = 128;
constexpr std::size_t least_seal = 32; // bytes
constexpr std::size_t most_seal = 1024;

result<fleet_endpoint> parse_endpoint(std::string_view text) {
    const auto where =
        text.starts_with(scheme) ? parse_host_port(text.substr(scheme.size()), etcd_port) : std::nullopt;
    if (!where) return error{"expected https://HOST[:PORT], not '" + printable(text) + "'"};
    return fleet_endpoint{where->host, where->port};
}

result<std::string> parse_prefix(std::string_view text) {
    while (text.ends_with('/')) text.remove_suffix(1);
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
               c == '.' || c == '_' || c == '-';
    };
    if (text.empty() || text.size() > most_prefix || text.front() != '/' || !std::ranges::all_of(text, fits))
        return error{"expected a name that begins with /, like /chronoknock, of a-z A-Z 0-9 . _ - /"};
    return {boost::system::in_place_value, text};
}

result<std::string> parse_name(std::string_view text) {
    if (!valid_key_name(text)) return error{"expected a name of 1 to 64 of a-z A-Z 0-9 . _ - @"};
    return {boost::system::in_place_value, text};
}

result<std::string> parse_user(std::string_view text) {
    if (text.empty() || printable(text) != text) return error{"expected the name of a user of etcd"};
    return {boost::system::in_place_value, text};
}

} // namespace

result<void> read_fleet(const std::string& file, const ini_section& section, const std::string& folder,
                        fleet_settings& to) {
    using f = fleet_settings;
    const fields<f> table{
        {"endpoints", list(&f::endpoints, 1, "endpoint", parse_endpoint), true},
        {"ca", path(&f::ca_file, folder)},
        {"cert", path(&f::cert_file, folder)},
        {"key", path(&f::key_file, folder)},
        {"user", value(&f::user, parse_user)},
        {"password_file", path(&f::password_file, folder)},
        {"prefix", value(&f::prefix, parse_prefix)},
        {"name", value(&f::name, parse_name), true},
        {"seal", path(&f::seal_file, folder), true},
        {"on_loss", choice(&f::when_lost, {{"refuse", on_loss::refuse}, {"local", on_loss::local}})}};
    if (const auto done = read_section(file, section, table, to); !done) return done;
    if (to.cert_file.empty() != to.key_file.empty())
        return complain(file, section, to.cert_file.empty() ? "key" : "cert",
                        "expected cert and key, or neither");
    if (to.user.empty() != to.password_file.empty())
        return complain(file, section, to.user.empty() ? "password_file" : "user",
                        "expected user and password_file, or neither");
    return {};
}

std::string fleet_endpoint::to_string() const {
    return std::string(scheme) + config::to_string(host_port{host, port}, 0);
}

result<key::secret_bytes> parse_seal(std::string_view text) {
    text = trim(text.substr(0, text.find_first_of("\r\n")));
    const error unfit{"expected 64 or more hexadecimal digits, as `openssl rand -hex 32` gives them"};
    if (text.size() > 2 * most_seal) return unfit;
    key::secret_bytes seal;
    seal.reserve(text.size() / 2); // growing would leave copies behind
    try {
        boost::algorithm::unhex(text.begin(), text.end(), std::back_inserter(seal));
    } catch (const boost::algorithm::hex_decode_error&) {
        return unfit;
    }
    if (seal.size() < least_seal) return unfit;
    return seal;
}

result<key::secret_text> parse_password(std::string_view text) {
    text = text.substr(0, text.find_first_of("\r\n"));
    if (text.empty()) return error{"expected a password in its first line"};
    return {boost::system::in_place_value, text};
}

} // namespace chronoknock::config
