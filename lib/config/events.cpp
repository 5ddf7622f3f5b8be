#include "config/events.hpp"

#include <array>
#include <optional>

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
    std::vector<std::string> words;
    if (text.size() > most_bytes)
        return error{"expected a command of at most " + std::to_string(most_bytes) + " bytes"};
    if (text.find('\0') != text.npos) return error{"expected a command without zero bytes"};
    std::optional<std::string> word; // none: between two words
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (c == ' ' || c == '\t') {
            if (word) words.push_back(*std::exchange(word, std::nullopt));
            continue;
        }
        if (!word) word.emplace();
        if (c != '\'' && c != '"') {
            *word += c;
            continue;
        }
        const auto end = text.find(c, at + 1);
        if (end == text.npos) return error{std::string("expected another ") + c + " after the first one"};
        word->append(text, at + 1, end - at - 1);
        at = end;
    }
    if (word) words.push_back(std::move(*word));
    if (words.size() > most_words)
        return error{"expected at most " + std::to_string(most_words) + " words"};
    if (!words.empty() && !words.front().starts_with('/'))
        return error{"expected the absolute path of a program, not '" + printable(words.front()) + "'"};
    return words;
}

fields<event_settings> event_fields() {
    return {{"command", value(&event_settings::command, parse_command)},
            {"on", list(&event_settings::on, 1, "kind of event", parse_kind)},
            {"limit", number(&event_settings::limit, 1, 600)},
            {"time_limit", duration(&event_settings::time_limit, 1s, 1h)}};
}

} // namespace chronoknock::config
