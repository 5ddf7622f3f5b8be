#include "base/writer.hpp"
#include "fleet/seal.hpp"

#include <algorithm>

namespace chronoknock::fleet {

namespace {

constexpr std::size_t most_text = 1024;
// Its first byte says what a record is; another form of it gets another one.
enum class form : std::uint8_t { burnt = 1, top = 2, grant = 3, host = 5 };

byte_view bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

writer begin(form f) {
    writer w;
    w.u8(static_cast<std::uint8_t>(f));
    return w;
}

void put(writer& w, std::string_view text) {
    w.u16(static_cast<std::uint16_t>(std::min(text.size(), most_text)));
    w.bytes(text.substr(0, most_text));
}
void put(writer& w, std::int64_t n) { w.u64(static_cast<std::uint64_t>(n)); }
void put(writer& w, unix_time t) { put(w, t.time_since_epoch().count()); }
void put(writer& w, const prefix& p) {
    w.u8(p.network.family());
    w.bytes({reinterpret_cast<const char*>(p.network.bytes().data()), p.network.bytes().size()});
    w.u8(p.length);
}

std::string take_text(reader& r) {
    const auto size = r.u16();
    const auto bytes = r.bytes(size <= most_text ? size : ~std::size_t{0});
    return {bytes.begin(), bytes.end()};
}
std::int64_t take_number(reader& r) { return static_cast<std::int64_t>(r.u64()); }
unix_time take_time(reader& r) { return unix_time{nanoseconds(take_number(r))}; }
prefix take_prefix(reader& r) {
    address a;
    const auto family = r.u8();
    if (family == 4) {
        if (const auto bytes = r.bytes(4); r) a = address::v4(bytes.first<4>());
    } else if (family == 6) {
        if (const auto bytes = r.bytes(16); r) a = address::v6(bytes.first<16>());
    } else {
        r.skip(~std::size_t{0});
    }
    const auto length = r.u8();
    // As it was written: an IPv6 address that is an IPv4 one is none.
    if (a.family() != family || length > 8 * a.bytes().size() || prefix(a, length).network != a)
        r.skip(~std::size_t{0});
    return r ? prefix(a, length) : prefix();
}

/// What `take` makes of all the bytes.
template <class Take>
auto decode(std::string_view bytes, form f, Take take)
    -> std::optional<decltype(take(std::declval<reader&>()))> {
    reader r(bytes_of(bytes));
    if (r.u8() != static_cast<std::uint8_t>(f)) return {};
    auto taken = take(r);
    if (!r || r.left() != 0) return {};
    return taken;
}

} // namespace

std::string encode(const burnt_record& b) {
    auto w = begin(form::burnt);
    put(w, b.token.key);
    put(w, b.token.place);
    put(w, b.token.identity);
    w.u8(b.token.who ? 1 : 0);
    if (b.token.who) put(w, prefix(*b.token.who));
    put(w, b.token.accepted);
    put(w, b.host);
    w.bytes({reinterpret_cast<const char*>(b.attempt.data()), b.attempt.size()});
    return w.text();
}

std::string encode(const top_record& t) {
    auto w = begin(form::top);
    put(w, t.key);
    put(w, t.place);
    return w.text();
}

std::string encode(const granting::shared_grant& g) {
    auto w = begin(form::grant);
    put(w, g.key);
    put(w, g.key_name);
    put(w, g.who);
    put(w, g.service);
    put(w, g.place);
    put(w, g.identity);
    put(w, g.accepted);
    put(w, g.until);
    put(w, g.host);
    return w.text();
}

std::string encode(const host_record& h) {
    auto w = begin(form::host);
    put(w, h.name);
    put(w, h.version);
    put(w, h.seen);
    w.u64(h.grants);
    w.u8(h.is_doubled ? 1 : 0);
    return w.text();
}

std::optional<burnt_record> decode_burnt(std::string_view bytes) {
    return decode(bytes, form::burnt, [](reader& r) {
        burnt_record b;
        b.token.key = take_text(r);
        b.token.place = take_number(r);
        b.token.identity = take_text(r);
        const auto has_address = r.u8();
        if (has_address > 1) r.skip(~std::size_t{0});
        if (has_address == 1) {
            const auto who = take_prefix(r);
            if (!who.is_single()) r.skip(~std::size_t{0});
            b.token.who = who.network;
        }
        b.token.accepted = take_time(r);
        b.host = take_text(r);
        const auto attempt = r.bytes(b.attempt.size());
        std::ranges::copy(attempt, b.attempt.begin());
        return b;
    });
}

std::optional<top_record> decode_top(std::string_view bytes) {
    return decode(bytes, form::top, [](reader& r) {
        top_record t;
        t.key = take_text(r);
        t.place = take_number(r);
        return t;
    });
}

std::optional<granting::shared_grant> decode_grant(std::string_view bytes) {
    return decode(bytes, form::grant, [](reader& r) {
        granting::shared_grant g;
        g.key = take_text(r);
        g.key_name = take_text(r);
        g.who = take_prefix(r);
        g.service = take_text(r);
        g.place = take_number(r);
        g.identity = take_text(r);
        g.accepted = take_time(r);
        g.until = take_time(r);
        g.host = take_text(r);
        return g;
    });
}

std::optional<host_record> decode_host(std::string_view bytes) {
    return decode(bytes, form::host, [](reader& r) {
        host_record h;
        h.name = take_text(r);
        h.version = take_text(r);
        h.seen = take_time(r);
        h.grants = r.u64();
        const auto doubled = r.u8();
        if (doubled > 1) r.skip(~std::size_t{0});
        h.is_doubled = doubled == 1;
        return h;
    });
}

} // namespace chronoknock::fleet
