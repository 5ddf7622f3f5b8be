#pragma once

#include "base/service.hpp"
#include "config/fields.hpp"
#include "firewall/rules.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chronoknock::config {

enum class on_stop { keep, remove };

/// [firewall]
struct firewall_settings {
    std::string backend = "nftables"; ///< one of firewall::backends
    firewall::unauthorized unauthorized = firewall::unauthorized::drop;
    std::vector<prefix> always_allow;
    config::on_stop on_stop = config::on_stop::keep;
    firewall::table_name table;  ///< backend nft-set
    firewall::programs programs; ///< backend command: fields open, close, time_limit
    bool operator==(const firewall_settings&) const = default;
};

/// What is done with [firewall].
fields<firewall_settings> firewall_fields();

/// The fields set4 and set6 of [service.NAME].
fields<service> set_fields();

/// Fields that do not go together.
struct misfit {
    std::string section; ///< its name: "firewall", "service.ssh"
    std::string field;
    std::string expected;
    bool operator==(const misfit&) const = default;
};

/// What the backend lacks, or has no use for.
std::optional<misfit> misfit_of(const firewall_settings& f, std::span<const service> services);

} // namespace chronoknock::config
