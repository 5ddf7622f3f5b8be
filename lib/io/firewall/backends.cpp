// The table of backends: a row is a name of firewall::backends and the two functions that make it work.
#include "firewall/backend.hpp"

#include "io/firewall/backend.hpp"
#include "io/firewall/command.hpp"
#include "io/firewall/dry_run.hpp"
#include "io/firewall/expiring.hpp"
#include "io/firewall/nftables.hpp"
#include "io/firewall/set_backend.hpp"

#include <algorithm>
#include <iterator>

namespace chronoknock::io {

namespace {

struct row {
    std::string_view name;
    result<void> (*check)(const firewall::rules& r);
    result<std::unique_ptr<firewall_backend>> (*open)(boost::asio::io_context& context,
                                                      const firewall_programs& programs);
};

/// Of a backend for which nobody else does anything.
template <auto Open>
result<std::unique_ptr<firewall_backend>> by_itself(boost::asio::io_context& context,
                                                    const firewall_programs&) {
    return Open(context);
}

constexpr row rows[] = {
    {"nftables", check_nftables, open_nftables},         {"nft-set", check_nft_set, by_itself<open_nft_set>},
    {"ipset", check_ipset, by_itself<open_ipset>},       {"command", check_command, open_command},
    {"dry-run", check_dry_run, by_itself<open_dry_run>},
};

static_assert(std::ranges::equal(rows, firewall::backends, {}, &row::name, &firewall::backend::name),
              "the configuration accepts firewall::backends, and these are them");

const row& row_of(const std::string& name) { return *std::ranges::find(rows, name, &row::name); }

} // namespace

result<void> check_backend(const std::string& name, const firewall::rules& r) {
    if (const auto fits = firewall::check(r, firewall::backend_named(name)); !fits) return fits;
    return row_of(name).check(r);
}

result<std::unique_ptr<firewall_backend>>
open_backend(const std::string& name, boost::asio::io_context& context, const firewall_programs& programs) {
    auto opened = row_of(name).open(context, programs);
    if (!opened || firewall::backend_named(name).can.expiry) return opened;
    return std::make_unique<expiring>(context, std::move(*opened));
}

firewall::rules firewall_rules(const config::server& c) { return config::rules_of(c); }

} // namespace chronoknock::io
