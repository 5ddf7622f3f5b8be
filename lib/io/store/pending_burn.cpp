#include "io/store/pending_burn.hpp"

#include "base/reader.hpp"
#include "base/writer.hpp"

namespace chronoknock::io {

namespace {

void put(writer& w, std::int64_t n) { w.u64(static_cast<std::uint64_t>(n)); }
std::int64_t number(reader& r) { return static_cast<std::int64_t>(r.u64()); }

void put(writer& w, std::string_view text) {
    w.u32(static_cast<std::uint32_t>(text.size()));
    w.bytes(text);
}

std::string text(reader& r) {
    const auto bytes = r.bytes(r.u32());
    return {bytes.begin(), bytes.end()};
}

// First of all, where version 0 had a mark's count, which is not negative.
constexpr std::int64_t format = -1;

} // namespace

std::string encode(const store_mark::state& after, std::span<const granting::burnt> tokens) {
    writer w;
    put(w, format);
    put(w, after.count);
    put(w, after.changed);
    for (const auto& t : tokens) {
        put(w, t.key);
        put(w, t.identity);
        put(w, t.who ? t.who->to_string() : std::string());
        put(w, t.place);
        put(w, t.accepted.time_since_epoch().count());
        if (w.text().size() > store_mark::most) return {};
    }
    return w.text();
}

std::optional<pending_burn> decode_pending_burn(std::string_view bytes) {
    reader r({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    pending_burn p;
    const auto first = number(r);
    p.after.count = first == format ? number(r) : first;
    p.after.changed = number(r);
    while (r && r.left() > 0) {
        granting::burnt b;
        b.key = text(r);
        b.identity = text(r);
        const auto who = text(r);
        if (first != format) b.identity += '\0' + who; // version 0 had the service's name there
        if (!who.empty()) {
            const auto parsed = address::parse(who);
            if (!parsed) return std::nullopt;
            b.who = *parsed;
        }
        b.place = number(r);
        b.accepted = unix_time{nanoseconds(number(r))};
        p.tokens.push_back(std::move(b));
    }
    if (!r) return std::nullopt;
    return p;
}

} // namespace chronoknock::io
