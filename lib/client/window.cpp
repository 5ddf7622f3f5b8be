#include "client/window.hpp"

#include "base/service.hpp"
#include "base/text.hpp"
#include "key/deriver.hpp"

#include <algorithm>

namespace chronoknock::client {

turn choose_window(std::uint32_t granularity, const time_estimate& now, std::optional<std::int64_t> last) {
    if (granularity == 0) return {to_seconds(now.t), {}};
    const nanoseconds g = seconds(granularity);
    const auto margin = std::min(now.error, g / 2);
    const auto current = key::window_of(to_seconds(now.t - margin), granularity);
    if (!last || *last < current || *last > current + granularity) return {current, {}};
    const auto next = *last + granularity;
    return {next, unix_time(seconds(next)) + margin - now.t};
}

nanoseconds usual_wait(std::uint32_t granularity) {
    return std::clamp<nanoseconds>(seconds(granularity) + seconds(5), seconds(10), seconds(120));
}

result<void> check_service(std::string_view service, const key::credential& k) {
    if (k.asks_for_ports()) {
        if (const auto ports = parse_asked_ports(service); !ports) return ports.error();
        return {};
    }
    if (service.empty()) return {};
    if (!service::valid_name(service))
        return error{"expected the name of a service, not '" + printable(service) + "'"};
    if (!k.names_service()) return error{"expected none: a knock of this key opens all that it may open"};
    return {};
}

} // namespace chronoknock::client
