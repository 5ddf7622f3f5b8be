#include "config/firewall.hpp"

#include "config/events.hpp"
#include "firewall/backend.hpp"

namespace chronoknock::config {

namespace {

using namespace std::chrono_literals;

result<std::string> parse_backend(std::string_view text) {
    std::string names;
    for (const auto& b : firewall::backends) {
        if (text == b.name) return {boost::system::in_place_value, text};
        names += (names.empty() ? "expected " : " or ") + std::string(b.name);
    }
    return error{names + ", not '" + printable(text) + "'"};
}

result<std::string> parse_set(std::string_view text) {
    if (!firewall::valid_set_name(text))
        return error{"expected the name of a set, 1 to " + std::to_string(firewall::most_set_name) +
                     " of a-z A-Z 0-9 _ - ., not '" + printable(text) + "'"};
    return {boost::system::in_place_value, text};
}

/// A setter for one of the programs.
setter<firewall_settings> program(std::vector<std::string> firewall::programs::* member) {
    return [=](firewall_settings& to, std::string_view text) -> result<void> {
        auto words = parse_command(text);
        if (!words) return words.error();
        to.programs.*member = std::move(*words);
        return {};
    };
}

bool takes_sets(firewall::needs n) {
    return n == firewall::needs::sets || n == firewall::needs::table_and_sets ||
           n == firewall::needs::anything;
}

} // namespace

fields<firewall_settings> firewall_fields() {
    return {
        {"backend", value(&firewall_settings::backend, parse_backend)},
        {"unauthorized",
         choice(&firewall_settings::unauthorized,
                {{"drop", firewall::unauthorized::drop}, {"reset", firewall::unauthorized::reset}})},
        {"always_allow", list(&firewall_settings::always_allow, 0, "network", prefix::parse)},
        {"on_stop",
         choice(&firewall_settings::on_stop, {{"keep", on_stop::keep}, {"remove", on_stop::remove}})},
        {"table", value(&firewall_settings::table, firewall::table_name::parse)},
        {"open", program(&firewall::programs::open)},
        {"close", program(&firewall::programs::close)},
        {"time_limit",
         [](firewall_settings& to, std::string_view text) {
             return duration(&firewall::programs::time_limit, 1s, 1h)(to.programs, text);
         }},
    };
}

fields<service> set_fields() {
    return {{"set4", value(&service::set4, parse_set)}, {"set6", value(&service::set6, parse_set)}};
}

std::optional<misfit> misfit_of(const firewall_settings& f, std::span<const service> services) {
    using enum firewall::needs;
    const auto needs = firewall::backend_named(f.backend).needs;
    const auto useless = [&](const char* section, const char* field, const char* backends) {
        return misfit{section, field,
                      std::string("expected with backend = ") + backends + ", and it is " + f.backend};
    };
    const auto lacking = [&](std::string section, const char* field, const std::string& expected) {
        return misfit{std::move(section), field, "expected " + expected + ", since backend = " + f.backend};
    };
    const bool any = needs == anything;
    if (!f.table.name.empty() && needs != table_and_sets && !any)
        return useless("firewall", "table", "nft-set");
    if (f.table.name.empty() && needs == table_and_sets)
        return lacking("firewall", "table", "the table of your sets, like inet filter");
    for (const auto& [words, field] : {std::pair{&f.programs.open, "open"}, {&f.programs.close, "close"}}) {
        if (!words->empty() && needs != programs && !any) return useless("firewall", field, "command");
        if (words->empty() && needs == programs) return lacking("firewall", field, "a program");
    }
    std::vector<std::string> taken;
    for (const auto& s : services) {
        const auto section = "service." + s.name;
        if (!takes_sets(needs) && !s.set4.empty())
            return useless(section.c_str(), "set4", "nft-set or ipset");
        if (!takes_sets(needs) && !s.set6.empty())
            return useless(section.c_str(), "set6", "nft-set or ipset");
        if (takes_sets(needs) && !any && s.set4.empty() && s.set6.empty())
            return lacking(section, "set4", "the name of a set, here or in set6");
        // A grant for one service must not open another by surprise.
        for (const auto& [name, field] : {std::pair{&s.set4, "set4"}, {&s.set6, "set6"}}) {
            if (name->empty()) continue;
            if (std::ranges::find(taken, *name) != taken.end())
                return misfit{section, field, "expected a set of its own, and " + *name + " stands twice"};
            taken.push_back(*name);
        }
    }
    return {};
}

} // namespace chronoknock::config
