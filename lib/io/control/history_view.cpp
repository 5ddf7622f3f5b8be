#include "io/control/history_view.hpp"

#include "base/in_words.hpp"
#include "base/text.hpp"

#include <boost/json.hpp>
#include <cmath>
#include <string>

namespace chronoknock::io {

namespace json = boost::json;
using granting::history_entry;

namespace {

constexpr std::int64_t most_entries = 10'000;
constexpr double latest = 9e9; // seconds; in nanoseconds it fits 64 bits

json::object to_json(const granting::numbered_entry& one) {
    const auto& e = one.entry;
    json::array services;
    for (const auto s : split_list(e.services)) services.push_back(json::value(s));
    json::object o{{"number", one.number},
                   {"when", in_seconds(e.when.time_since_epoch())},
                   {"what", to_string(e.what)},
                   {"key", e.key},
                   {"address", e.who ? e.who->to_string() : ""},
                   {"services", std::move(services)}};
    if (e.what != history_entry::kind::granted) {
        o["why"] = e.why;
        return o;
    }
    json::array until; // of a grant `why` is for how long each of them is open
    for (const auto text : split_list(e.why)) {
        const auto lasts = parse_duration(text, nanoseconds(0), std::chrono::hours(24 * 365));
        until.push_back(lasts ? json::value(in_seconds((e.when + *lasts).time_since_epoch()))
                              : json::value());
    }
    o["until"] = std::move(until);
    return o;
}

} // namespace

result<granting::history_query> read_history_query(const json::object& arguments) {
    granting::history_query q;
    const auto number = [&](const char* name) -> result<std::optional<double>> {
        const auto* const found = arguments.if_contains(name);
        if (!found) return std::optional<double>();
        boost::system::error_code failed;
        const auto value = found->to_number<double>(failed);
        if (failed || !(std::abs(value) < latest))
            return error{std::string(name) + ": expected a number, and not as large"};
        return std::optional(value);
    };
    const auto since = number("since"), after = number("after"), limit = number("limit");
    for (const auto* n : {&since, &after, &limit})
        if (!*n) return n->error();
    if (*since)
        q.since = unix_time{std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(**since))};
    if (*after) q.after = static_cast<std::int64_t>(**after);
    if (*limit) {
        if (**limit < 1 || **limit > most_entries)
            return error{"limit: expected 1 to " + std::to_string(most_entries)};
        q.most = static_cast<std::size_t>(**limit);
    }
    if (const auto* const key = arguments.if_contains("key")) {
        if (!key->is_string()) return error{"key: expected text"};
        q.key.assign(key->get_string().data(), key->get_string().size());
    }
    return q;
}

json::object history_json(std::span<const granting::numbered_entry> newest_first) {
    json::array entries;
    for (auto e = newest_first.rbegin(); e != newest_first.rend(); ++e) entries.push_back(to_json(*e));
    return {{"entries", std::move(entries)}};
}

} // namespace chronoknock::io
