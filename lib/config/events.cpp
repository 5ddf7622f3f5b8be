#include "config/events.hpp"

#include "base/words.hpp"

namespace chronoknock::config {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_words = 64;
constexpr std::size_t most_bytes = 4096;

result<event_kind> parse_kind(std::string_view text) {
    if (text == "grant") return event_kind::grant;
    if (text == "refusal") return event_kind::refusal;
    if (text == "time") return event_kind::time;
    return error{"expected grant, refusal or time, not '" + printable(text) + "'"};
}

} // namespace

result<std::vector<std::string>> parse_command(std::string_view text) {
    if (text.size() > most_bytes)
        return error{"expected a command of at most " + std::to_string(most_bytes) + " bytes"};
    if (text.find('\0') != text.npos) return error{"expected a command without zero bytes"};
    auto split = split_words(text);
    if (!split) return split;
    const auto& words = *split;
    if (words.size() > most_words) return error{"expected at most " + std::to_string(most_words) + " words"};
    if (!words.empty() && !words.front().starts_with('/'))
        return error{"expected the absolute path of a program, not '" + printable(words.front()) + "'"};
    return split;
}

fields<event_settings> event_fields() {
    return {{"command", value(&event_settings::command, parse_command)},
            {"on", list(&event_settings::on, 1, "kind of event", parse_kind)},
            {"limit", number(&event_settings::limit, 1, 600)},
            {"time_limit", duration(&event_settings::time_limit, 1s, 1h)}};
}

} // namespace chronoknock::config
