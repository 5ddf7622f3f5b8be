#include "helper/requests.hpp"

#include "base/each_of.hpp"
#include "base/writer.hpp"
#include "helper/facts.hpp"
#include "helper/fields.hpp"
#include "helper/rules.hpp"

#include <algorithm>
#include <iterator>

namespace chronoknock::helper {

namespace {

bool is_host(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_';
    };
    return !name.empty() && name.front() != '-' && std::ranges::all_of(name, fits);
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
        return remove_guard{};
    case 4:
        return find_translation{};
    case 5:
        return read_configuration{};
    case 6: {
        look_up l{take_text(r, most_name)};
        if (!is_host(l.host)) r.skip(~std::size_t{0});
        return l;
    }
    case 7: {
        run_program p;
        const auto which = r.u8();
        p.which = static_cast<program>(which);
        p.command = take_words(r);
        p.facts = take_words(r);
        const bool is_known = which <= static_cast<std::uint8_t>(program::close);
        if (!is_known || !is_command(p.command) || !are_facts(p.facts)) r.skip(~std::size_t{0});
        return p;
    }
    case 8:
        return take_up{};
    case 9: {
        open_socket s;
        s.family = r.u8();
        const auto wanted = r.u8();
        s.wanted = static_cast<open_socket::kind>(wanted);
        const bool is_known = wanted <= static_cast<std::uint8_t>(open_socket::kind::sender);
        if ((s.family != 4 && s.family != 6) || !is_known) r.skip(~std::size_t{0});
        return s;
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
                   [](const remove_guard&) {},
                   [](const find_translation&) {},
                   [](const read_configuration&) {},
                   [&](const look_up& l) { put(w, l.host); },
                   [&](const run_program& p) {
                       w.u8(static_cast<std::uint8_t>(p.which));
                       put_words(w, p.command);
                       put_words(w, p.facts);
                   },
                   [](const take_up&) {},
                   [&](const open_socket& s) {
                       w.u8(s.family);
                       w.u8(static_cast<std::uint8_t>(s.wanted));
                   },
               },
               r);
    return w.text();
}

static_assert(std::size(limits) == std::variant_size_v<request>);

result<request> decode(byte_view bytes) {
    reader r(bytes);
    const auto kind = r.u8();
    if (kind < std::size(limits) && bytes.size() > limits[kind].bytes)
        return error{"helper: expected a request of fewer bytes"};
    auto taken = take_request(kind, r);
    if (!r || r.left() != 0) return error{"helper: expected a request as requests.hpp has them"};
    return taken;
}

} // namespace chronoknock::helper
