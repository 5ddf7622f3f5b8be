#include "config/key_section.hpp"

#include "base/date.hpp"
#include "config/names.hpp"

namespace chronoknock::config {

namespace {

using namespace std::chrono_literals;

// A wider one would let in whole carriers.
constexpr std::int64_t least_prefix4 = 16;
constexpr std::int64_t least_prefix6 = 32;

result<std::string> parse_service_name(std::string_view text) {
    if (!service::valid_name(text)) return error{"expected names of services, not '" + printable(text) + "'"};
    return {boost::system::in_place_value, text};
}

} // namespace

fields<key_section> key_fields(const std::string& folder) {
    return {{"file", path(&key_section::file, folder), true},
            {"services", list(&key_section::services, 1, "service", parse_service_name), true},
            {"mode", choice(&key_section::mode, {{"set", matching::set}, {"strict", matching::strict}})},
            {"knock_delay", duration(&key_section::knock_delay, 0s, 24h)},
            {"for_others", boolean(&key_section::for_others)},
            {"allow_weak", boolean(&key_section::allow_weak)},
            {"until", value(&key_section::until, parse_date)},
            {"host", value(&key_section::host, parse_host)},
            {"max_grants", number(&key_section::max_grants, 0, most_max_grants)},
            {"pair", boolean(&key_section::pair)},
            {"prefix4", number(&key_section::prefix4, least_prefix4, 32)},
            {"prefix6", number(&key_section::prefix6, least_prefix6, 128)},
            {"fleet", boolean(&key_section::fleet)}};
}

std::optional<unfit_field> set_grants(key_settings& k, const key_section& section) {
    k.prefix4 = section.prefix4;
    k.prefix6 = section.prefix6;
    k.pair = section.pair;
    if (k.pair && !k.key->names_address())
        return unfit_field{"pair", "expected false: knocks of the method " + std::string(k.key->method()) +
                                       " name no address"};
    k.fleet = section.fleet;
    if (k.fleet && k.key->never_changes())
        return unfit_field{"fleet", "expected false: nothing of a key whose knocks never change is burnt"};
    if (k.fleet && k.services.size() > most_fleet_services)
        return unfit_field{"fleet", "expected false, or at most " + std::to_string(most_fleet_services) +
                                        " services: etcd burns and opens in one transaction"};
    k.max_grants = section.max_grants;
    // A knock that names no service opens all of them, or nothing.
    const auto asked = k.services.size() * (k.pair ? 2 : 1);
    if (k.max_grants != 0 && k.max_grants < asked)
        return unfit_field{"max_grants", "expected 0, or at least " + std::to_string(asked) +
                                             ": so many grants does one knock ask for"};
    return {};
}

} // namespace chronoknock::config
