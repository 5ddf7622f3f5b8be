#include "grant/openings.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace chronoknock::granting {

std::vector<std::vector<opening>> by_address(const std::vector<opening>& openings) {
    std::vector<std::vector<opening>> all;
    for (const auto& o : openings) {
        const auto same = std::ranges::find(all, o.who, [](const auto& some) { return some.front().who; });
        if (same == all.end())
            all.push_back({o});
        else
            same->push_back(o);
    }
    return all;
}

std::string services_of(const std::vector<opening>& openings, bool with_duration) {
    std::string all;
    for (const auto& o : openings) {
        all += (all.empty() ? "" : ", ") + o.service;
        if (with_duration) all += " for " + chronoknock::to_string(o.open_for);
    }
    return all;
}

std::string durations_of(const std::vector<opening>& openings) {
    std::string all;
    for (const auto& o : openings) all += (all.empty() ? "" : ", ") + chronoknock::to_string(o.open_for);
    return all;
}

std::string in_words(const std::vector<opening>& openings, bool with_duration) {
    std::string text;
    for (const auto& of_one : by_address(openings))
        text += (text.empty() ? services_of(of_one, with_duration) + " to " : " and ") +
                of_one.front().who.to_string();
    return text;
}

} // namespace chronoknock::granting
