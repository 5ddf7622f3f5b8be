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
constexpr std::int64_t format = -2;
constexpr std::int64_t format_without_grants = -1; // nor the number of tokens: they went on to the end

void put(writer& w, unix_time t) { put(w, t.time_since_epoch().count()); }
unix_time time(reader& r) { return unix_time{nanoseconds(number(r))}; }

/// False: it is none.
bool take_token(reader& r, std::int64_t version, pending_burn& p) {
    granting::burnt b;
    b.key = text(r);
    b.identity = text(r);
    const auto who = text(r);
    if (version >= 0) b.identity += '\0' + who; // version 0 had the service's name there
    if (!who.empty()) {
        const auto parsed = address::parse(who);
        if (!parsed) return false;
        b.who = *parsed;
    }
    b.place = number(r);
    b.accepted = time(r);
    p.tokens.push_back(std::move(b));
    return bool(r);
}

bool take_grant(reader& r, pending_burn& p) {
    granting::opened_grant g;
    g.key = text(r);
    g.fingerprint = text(r);
    const auto who = prefix::parse(text(r));
    if (!who) return false;
    g.who = *who;
    g.service = text(r);
    g.at = time(r);
    g.until = time(r);
    p.grants.push_back(std::move(g));
    return bool(r);
}

} // namespace

std::string encode(const store_mark::state& after, std::span<const granting::burnt> tokens,
                   std::span<const granting::opened_grant> grants) {
    writer w;
    put(w, format);
    put(w, after.count);
    put(w, after.changed);
    w.u32(static_cast<std::uint32_t>(tokens.size()));
    for (const auto& t : tokens) {
        put(w, t.key);
        put(w, t.identity);
        put(w, t.who ? t.who->to_string() : std::string());
        put(w, t.place);
        put(w, t.accepted);
        if (w.text().size() > store_mark::most) return {};
    }
    for (const auto& g : grants) {
        put(w, g.key);
        put(w, g.fingerprint);
        put(w, g.who.to_string());
        put(w, g.service);
        put(w, g.at);
        put(w, g.until);
        if (w.text().size() > store_mark::most) return {};
    }
    return w.text();
}

std::optional<pending_burn> decode_pending_burn(std::string_view bytes) {
    reader r({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    pending_burn p;
    const auto first = number(r);
    p.after.count = first < 0 ? number(r) : first;
    p.after.changed = number(r);
    if (first == format) {
        auto tokens = r.u32();
        while (r && tokens > 0 && take_token(r, first, p)) --tokens;
        if (tokens != 0) return std::nullopt;
        while (r && r.left() > 0)
            if (!take_grant(r, p)) return std::nullopt;
    } else if (first >= format_without_grants) {
        while (r && r.left() > 0)
            if (!take_token(r, first, p)) return std::nullopt;
    } else {
        return std::nullopt;
    }
    if (!r) return std::nullopt;
    return p;
}

} // namespace chronoknock::io
