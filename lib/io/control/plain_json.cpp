#include "io/control/plain_json.hpp"

#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>
#include <string_view>

namespace chronoknock::io {

namespace json = boost::json;

namespace {

constexpr std::size_t longest = 400; // of a double without an exponent: 309 digits, or 0. and 342

void put(std::string& text, const json::value& v) {
    if (const auto* const o = v.if_object()) {
        text += '{';
        for (const auto& [name, content] : *o) {
            if (text.back() != '{') text += ',';
            text += json::serialize(json::string(name)) + ':';
            put(text, content);
        }
        text += '}';
    } else if (const auto* const a = v.if_array()) {
        text += '[';
        bool first = true;
        for (const auto& one : *a) {
            if (!std::exchange(first, false)) text += ',';
            put(text, one);
        }
        text += ']';
    } else if (const auto* const d = v.if_double()) {
        if (!std::isfinite(*d)) {
            text += "null";
            return;
        }
        char digits[longest];
        const auto end = std::to_chars(digits, digits + longest, *d, std::chars_format::fixed).ptr;
        text.append(digits, end);
    } else {
        text += json::serialize(v);
    }
}

} // namespace

std::string plain_json(const json::value& v) {
    std::string text;
    put(text, v);
    return text;
}

} // namespace chronoknock::io
