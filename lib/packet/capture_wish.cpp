#include "packet/capture_wish.hpp"

#include <algorithm>
#include <span>

namespace chronoknock::packet {

namespace {

void append(std::vector<port_range>& to, std::span<const port_range> ranges) {
    to.insert(to.end(), ranges.begin(), ranges.end());
}

} // namespace

bool capture_wish::needs_packets() const {
    return echoes || !std::ranges::all_of(datagrams, &size_range::is_any, &datagram_wish::sizes);
}

std::uint16_t capture_wish::most_of_payload() const {
    auto most = echoes && !echoes->is_any() ? echoes->most : std::uint16_t{0};
    for (const auto& d : datagrams)
        if (!d.sizes.is_any()) most = std::max(most, d.sizes.most);
    return most;
}

void wish_sum::add(const capture_wish& wish) {
    append(syns_, wish.syns.ranges());
    for (const auto& d : wish.datagrams) append(datagrams_[{d.sizes, d.content}], d.ports.ranges());
    if (wish.echoes)
        echoes_ = echoes_ ? size_range{std::min(echoes_->least, wish.echoes->least),
                                       std::max(echoes_->most, wish.echoes->most)}
                          : *wish.echoes;
}

capture_wish wish_sum::sum() const {
    capture_wish all{.syns = port_set(syns_), .echoes = echoes_};
    for (const auto& [payload, ranges] : datagrams_)
        if (!ranges.empty()) all.datagrams.push_back({port_set(ranges), payload.first, payload.second});
    return all;
}

} // namespace chronoknock::packet
