#pragma once

#include "base/reader.hpp"
#include "base/writer.hpp"
#include "firewall/nft_order.hpp"

namespace chronoknock::helper {

void put(writer& w, const firewall::rules& rules);
void put(writer& w, const firewall::nft_order& order);

/// The reader is false for values that no configuration can have.
firewall::rules take_rules(reader& r);
firewall::nft_order take_order(reader& r);

} // namespace chronoknock::helper
