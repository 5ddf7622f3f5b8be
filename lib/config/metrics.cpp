#include "config/metrics.hpp"

#include "config/fields.hpp"

namespace chronoknock::config {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view unix_mark = "unix:";
// sockaddr_un::sun_path holds 108 bytes with the zero at the end (unix(7)).
constexpr std::size_t most_socket_path = 107;

bool is_loopback(const address& a) {
    const auto bytes = a.bytes();
    if (a.is_v4()) return bytes[0] == 127;
    return bytes.back() == 1 && std::ranges::all_of(bytes.first(15), [](auto b) { return b == 0; });
}

struct socket_path {
    std::string path;
};

} // namespace

result<metrics_place> metrics_place::parse(std::string_view text, const std::string& folder) {
    if (text.starts_with(unix_mark)) {
        socket_path to;
        const auto set =
            config::path(&socket_path::path, folder, most_socket_path)(to, text.substr(unix_mark.size()));
        if (!set) return error{"unix: " + set.error().text};
        return metrics_place{std::move(to.path), {}, 0};
    }
    const error unfit{"expected unix:PATH, 127.0.0.1:PORT or [::1]:PORT: metrics are told to this machine "
                      "alone, not '" +
                      printable(text) + "'"};
    const auto colon = text.rfind(':');
    if (colon == text.npos) return unfit;
    auto host = text.substr(0, colon);
    const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto a = address::parse(host);
    const auto port = parse_number(text.substr(colon + 1), 1, 65535);
    if (!a || !port || !is_loopback(*a) || bracketed == a->is_v4()) return unfit;
    return metrics_place{{}, *a, static_cast<std::uint16_t>(*port)};
}

std::string metrics_place::to_string() const {
    if (!path.empty()) return std::string(unix_mark) + path;
    const auto text = host.to_string();
    return (host.is_v4() ? text : "[" + text + "]") + ":" + std::to_string(port);
}

result<void> read_metrics(const std::string& file, const ini_section& section, const std::string& folder,
                          metrics_settings& to) {
    const fields<metrics_settings> table{
        {"file", path(&metrics_settings::file, folder)},
        {"interval", duration(&metrics_settings::interval, 1s, 1h)},
        {"listen", value(&metrics_settings::listen,
                         [folder](std::string_view text) { return metrics_place::parse(text, folder); })}};
    return read_section(file, section, table, to);
}

} // namespace chronoknock::config
