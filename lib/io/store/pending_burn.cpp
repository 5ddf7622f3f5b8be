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

} // namespace

std::string encode(const store_mark::state& after, std::span<const granting::burnt> knocks) {
    writer w;
    put(w, after.count);
    put(w, after.changed);
    for (const auto& k : knocks) {
        put(w, k.key);
        put(w, k.service);
        put(w, k.who ? k.who->to_string() : std::string());
        put(w, k.t0);
        put(w, k.accepted.time_since_epoch().count());
        if (w.text().size() > store_mark::most) return {};
    }
    return w.text();
}

std::optional<pending_burn> decode_pending_burn(std::string_view bytes) {
    reader r({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    pending_burn p;
    p.after.count = number(r);
    p.after.changed = number(r);
    while (r && r.left() > 0) {
        granting::burnt b;
        b.key = text(r);
        b.service = text(r);
        if (const auto who = text(r); !who.empty()) {
            const auto parsed = address::parse(who);
            if (!parsed) return std::nullopt;
            b.who = *parsed;
        }
        b.t0 = number(r);
        b.accepted = unix_time{nanoseconds(number(r))};
        p.knocks.push_back(std::move(b));
    }
    if (!r) return std::nullopt;
    return p;
}

} // namespace chronoknock::io
