#pragma once

#include "base/address.hpp"
#include "base/reader.hpp"
#include "base/writer.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Fields of requests and answers: text and lists with their length before them (4 bytes).
namespace chronoknock::helper {

inline void put(writer& w, std::string_view text) {
    w.u32(static_cast<std::uint32_t>(text.size()));
    w.bytes(text);
}

inline void put(writer& w, const address& a) {
    w.u8(a.family());
    w.bytes({reinterpret_cast<const char*>(a.bytes().data()), a.bytes().size()});
}

template <class List, class Put>
void put_all(writer& w, const List& list, Put put_one) {
    w.u32(static_cast<std::uint32_t>(list.size()));
    for (const auto& one : list) put_one(w, one);
}

/// Empty if it is longer than `most`; the reader is false then.
inline std::string_view take_view(reader& r, std::size_t most) {
    const auto size = r.u32();
    const auto bytes = r.bytes(size <= most ? size : ~std::size_t{0});
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string take_text(reader& r, std::size_t most) { return std::string(take_view(r, most)); }

inline address take_address(reader& r) {
    const auto family = r.u8();
    if (family == 4) {
        if (const auto bytes = r.bytes(4); r) return address::v4(bytes.first<4>());
    } else if (family == 6) {
        if (const auto bytes = r.bytes(16); r) return address::v6(bytes.first<16>());
    } else {
        r.skip(~std::size_t{0});
    }
    return {};
}

/// A list never takes more memory than its bytes justify: each element has at least one.
template <class Take>
auto take_all(reader& r, std::size_t most, Take take_one) {
    std::vector<decltype(take_one(r))> list;
    const auto count = r.u32();
    if (count > most || count > r.left()) r.skip(~std::size_t{0});
    while (r && list.size() < count) list.push_back(take_one(r));
    return list;
}

} // namespace chronoknock::helper
