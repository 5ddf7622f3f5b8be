#include "base/text.hpp"
#include "notify/notifier.hpp"

#include <algorithm>

namespace chronoknock::notify {

namespace {

/// All variables are always there: a script need not ask which.
environment facts(std::string_view event, std::string_view key, std::string_view who,
                  std::string_view services, std::string_view until, std::string_view reason) {
    environment all;
    const auto add = [&](std::string_view name, std::string_view value) {
        all.push_back("CHRONOKNOCK_" + std::string(name) + "=" + printable(value));
    };
    add("EVENT", event);
    add("KEY", key);
    add("ADDRESS", who);
    add("SERVICE", services);
    add("UNTIL", until);
    add("REASON", reason);
    return all;
}

/// When the last of the grants ends: "30s, 60s" of each.
std::string end_of(const granting::history_entry& e) {
    nanoseconds longest{0};
    for (const auto text : split_list(e.why))
        if (const auto d = parse_duration(text, nanoseconds(0), std::chrono::hours(24 * 365)))
            longest = std::max(longest, *d);
    return std::to_string(to_seconds(e.when + longest));
}

} // namespace

std::optional<notice> notice_of(const granting::history_entry& e) {
    using kind = granting::history_entry::kind;
    if (e.what != kind::granted && e.what != kind::refused) return {};
    std::string services;
    for (const auto name : split_list(e.services))
        services += (services.empty() ? "" : ",") + std::string(name);
    const auto who = e.who ? e.who->to_string() : "";
    if (e.what == kind::granted)
        return notice{config::event_kind::grant, facts("grant", e.key, who, services, end_of(e), "")};
    return notice{config::event_kind::refusal, facts("refusal", e.key, who, services, "", e.why)};
}

notice time_lost(std::string_view reason) {
    return {config::event_kind::time, facts("time-lost", "", "", "", "", reason)};
}

notice time_returned() { return {config::event_kind::time, facts("time-returned", "", "", "", "", "")}; }

} // namespace chronoknock::notify
