#include "method/sealed/request.hpp"

#include "base/base32.hpp"
#include "base/writer.hpp"
#include "key/deriver.hpp"
#include "key/digest.hpp"

#include <algorithm>
#include <limits>

namespace chronoknock::sealed {

namespace {

constexpr std::uint8_t action_open = 0;
constexpr std::uint8_t action_close = 1;
constexpr std::size_t address_size = 16;
constexpr std::size_t most_of_label = 63;
constexpr std::size_t name_characters = (8 * message_size + 4) / 5;
static_assert(name_room == name_characters + 2);

std::array<std::uint8_t, address_size> to_address16(const std::optional<address>& who) {
    std::array<std::uint8_t, address_size> bytes{};
    if (!who) return bytes;
    if (who->is_v4()) bytes[10] = bytes[11] = 0xff;
    std::ranges::copy(who->bytes(), bytes.end() - static_cast<std::ptrdiff_t>(who->bytes().size()));
    return bytes;
}

std::optional<address> from_address16(std::span<const std::uint8_t, address_size> bytes) {
    if (std::ranges::all_of(bytes, [](std::uint8_t b) { return b == 0; })) return {};
    return address::v6(bytes);
}

std::string_view as_text(byte_view bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

service_mark mark_of(std::string_view service) {
    service_mark mark{};
    if (service.empty()) return mark;
    key::digest sha256("sha256");
    std::array<std::uint8_t, 32> hash{};
    sha256({reinterpret_cast<const std::uint8_t*>(service.data()), service.size()}, hash.data());
    std::copy_n(hash.begin(), mark.size(), mark.begin());
    return mark;
}

std::array<std::uint8_t, request_size> encode(const request& r) {
    writer out;
    out.u8(r.close ? action_close : action_open);
    out.bytes(as_text(to_address16(r.who)));
    out.u64(static_cast<std::uint64_t>(r.time));
    out.u32(r.open_for);
    out.bytes(as_text(r.nonce));
    out.bytes(as_text(r.service));
    std::array<std::uint8_t, request_size> bytes{};
    std::ranges::copy(out.text(), bytes.begin());
    return bytes;
}

std::optional<request> decode(byte_view bytes) {
    reader in(bytes);
    request r;
    const auto action = in.u8();
    const auto who = in.bytes(address_size);
    const auto time = in.u64();
    r.open_for = in.u32();
    const auto nonce = in.bytes(nonce_size);
    const auto service = in.bytes(r.service.size());
    if (!in || in.left() != 0 || action > action_close ||
        time > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return {};
    r.close = action == action_close;
    r.who = from_address16(who.first<address_size>());
    r.time = static_cast<std::int64_t>(time);
    std::ranges::copy(nonce, r.nonce.begin());
    std::ranges::copy(service, r.service.begin());
    return r;
}

std::uint32_t tag_of(const message& m) { return reader(m).u32(); }

byte_view siv_of(const message& m) { return byte_view(m).subspan(tag_size, key::siv::tag_size); }

sealer::sealer(const key::psk& k)
    : realm_(k.realm), granularity_(k.granularity), expander_(k.digest, k.secret),
      siv_(make_siv(k, expander_)) {}

key::siv sealer::make_siv(const key::psk& k, key::expander& e) {
    key::label info;
    info.begin(k.realm, "", "seal");
    return key::siv::derive(e, info.bytes());
}

std::uint32_t sealer::tag(std::int64_t t0) {
    label_.begin(realm_, "", "tag");
    label_.add_time(t0);
    std::array<std::uint8_t, tag_size> bytes{};
    expander_.expand(label_.bytes(), bytes);
    return reader(bytes).u32();
}

result<message> sealer::seal(const request& r) {
    message m{};
    const auto number = tag(key::window_of(r.time, granularity_));
    for (std::size_t i = 0; i < tag_size; ++i) m[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    const auto sealed = siv_.seal({byte_view(m).first(tag_size)}, encode(r));
    if (!sealed) return sealed.error();
    std::ranges::copy(*sealed, m.begin() + tag_size);
    return m;
}

std::optional<request> sealer::open(const message& m) const {
    const auto plain = siv_.open({byte_view(m).first(tag_size)}, byte_view(m).subspan(tag_size));
    if (!plain) return {};
    return decode(*plain);
}

std::string to_name(const message& m, std::string_view zone) {
    auto text = to_base32hex(m);
    text.insert(most_of_label, 1, '.');
    return text + "." + std::string(zone);
}

std::optional<named> from_name(std::string_view name) {
    std::array<char, name_characters> text;
    std::size_t size = 0;
    while (size < text.size()) {
        const auto dot = name.find('.');
        if (dot == name.npos || dot > text.size() - size) return {};
        std::ranges::copy(name.substr(0, dot), text.begin() + static_cast<std::ptrdiff_t>(size));
        size += dot;
        name.remove_prefix(dot + 1);
    }
    const auto bytes = from_base32hex({text.data(), text.size()});
    if (!bytes || bytes->size() != message_size) return {};
    named n{{}, name};
    std::ranges::copy(*bytes, n.m.begin());
    return n;
}

} // namespace chronoknock::sealed
