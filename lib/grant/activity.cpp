#include "grant/activity.hpp"

namespace chronoknock::granting {

void activity::granted(const std::string& name, unix_time when, std::optional<nanoseconds> delay) {
    const auto [place, fresh] = places_.try_emplace(name, keys_.size());
    if (fresh) keys_.push_back({name});
    auto& k = keys_[place->second];
    ++k.granted;
    k.last = when;
    if (delay) delays_.add(*delay);
}

void activity::keep(const std::function<bool(std::string_view)>& kept) {
    if (std::erase_if(keys_, [&](const key& k) { return !kept(k.name); }) == 0) return;
    places_.clear();
    for (std::size_t i = 0; i < keys_.size(); ++i) places_.emplace(keys_[i].name, i);
}

} // namespace chronoknock::granting
