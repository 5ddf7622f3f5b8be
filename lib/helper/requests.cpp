#include "helper/requests.hpp"

#include "base/each_of.hpp"
#include "base/writer.hpp"
#include "helper/fields.hpp"
#include "helper/rules.hpp"

#include <algorithm>

namespace chronoknock::helper {

namespace {

bool is_host(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_';
    };
    return !name.empty() && name.front() != '-' && std::ranges::all_of(name, fits);
}

bool is_fact(std::string_view text) {
    constexpr std::string_view begins = "CHRONOKNOCK_";
    const auto is_printable = [](char c) { return c >= 0x20 && c < 0x7f; };
    const auto name = text.substr(0, text.find('='));
    const auto names = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
    return name.size() < text.size() && name.starts_with(begins) && std::ranges::all_of(name, names) &&
           std::ranges::all_of(text, is_printable);
}

bool is_command(const std::vector<std::string>& words) {
    return !words.empty() && words.front().starts_with('/') &&
           std::ranges::all_of(words, [](const auto& one) { return one.find('\0') == one.npos; });
}

void put_words(writer& w, const std::vector<std::string>& words) {
    put_all(w, words, [](writer& to, const std::string& one) { put(to, one); });
}

std::vector<std::string> take_words(reader& r) {
    return take_all(r, most_words, [](reader& from) { return take_text(from, most_word); });
}

/// One of the kind with that number.
request take_request(std::size_t kind, reader& r) {
    switch (kind) {
    case 0:
        return write_guard{take_order(r)};
    case 1:
        return keep_guard{take_rules(r)};
    case 2:
        return restore_guard{};
    case 3:
        return find_translation{};
    case 4:
        return read_configuration{};
    case 5: {
        look_up l{take_text(r, most_name)};
        if (!is_host(l.host)) r.skip(~std::size_t{0});
        return l;
    }
    case 6: {
        run_program p;
        p.command = take_words(r);
        p.facts = take_words(r);
        if (!is_command(p.command) || !std::ranges::all_of(p.facts, is_fact)) r.skip(~std::size_t{0});
        return p;
    }
    default:
        r.skip(~std::size_t{0});
        return restore_guard{};
    }
}

} // namespace

std::string encode(const request& r) {
    writer w;
    w.u8(static_cast<std::uint8_t>(r.index()));
    std::visit(each_of{
                   [&](const write_guard& g) { put(w, g.order); },
                   [&](const keep_guard& g) { put(w, g.rules); },
                   [](const restore_guard&) {},
                   [](const find_translation&) {},
                   [](const read_configuration&) {},
                   [&](const look_up& l) { put(w, l.host); },
                   [&](const run_program& p) {
                       put_words(w, p.command);
                       put_words(w, p.facts);
                   },
               },
               r);
    return w.text();
}

result<request> decode(byte_view bytes) {
    if (bytes.size() > most_request) return error{"helper: expected a request of fewer bytes"};
    reader r(bytes);
    const auto kind = r.u8();
    auto taken = take_request(kind, r);
    if (!r || r.left() != 0) return error{"helper: expected a request as requests.hpp has them"};
    return taken;
}

} // namespace chronoknock::helper
