#include "client/window.hpp"

#include "base/service.hpp"
#include "base/text.hpp"
#include "key/deriver.hpp"

#include <algorithm>

namespace chronoknock::client {

turn choose_window(const key::psk& k, const time_estimate& now, std::optional<std::int64_t> last) {
    const nanoseconds g = seconds(k.granularity);
    const auto margin = std::min(now.error, g / 2);
    const auto current = key::window_of(to_seconds(now.t - margin), k.granularity);
    if (k.ignore_time || !last || *last < current || *last > current + k.granularity) return {current, {}};
    const auto next = *last + k.granularity;
    return {next, unix_time(seconds(next)) + margin - now.t};
}

result<void> check_service(const key::psk& k, std::string_view service) {
    if (service.empty()) return {};
    if (!service::valid_name(service))
        return error{"expected the name of a service, not '" + printable(service) + "'"};
    if (!k.hmac)
        return error{"expected none with the function " + k.function() +
                     ", whose knock opens all that the key may open"};
    return {};
}

} // namespace chronoknock::client
