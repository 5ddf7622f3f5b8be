#include "helper/answers.hpp"

#include "base/writer.hpp"
#include "helper/fields.hpp"

#include <utility>

namespace chronoknock::helper {

namespace {

constexpr std::size_t most_text = 4096;
constexpr std::size_t most_files = 1 << 20;

enum class outcome : std::uint8_t { failed, done };

key::secret_text text_of(const writer& w) { return {w.text().begin(), w.text().end()}; }

writer begin_done() {
    writer w;
    w.u8(static_cast<std::uint8_t>(outcome::done));
    return w;
}

void append_number(key::secret_text& to, std::size_t n) {
    for (int shift = 24; shift >= 0; shift -= 8) to += static_cast<char>(n >> shift);
}

void append(key::secret_text& to, std::string_view text) {
    append_number(to, text.size());
    to += text;
}

/// Reads the outcome, and by `take` what was asked for.
template <class Take>
auto decode_answer(byte_view bytes, Take take) -> result<decltype(take(std::declval<reader&>()))> {
    reader r(bytes);
    const auto how = r.u8();
    if (how == static_cast<std::uint8_t>(outcome::failed)) {
        auto why = take_text(r, most_text);
        if (r && r.left() == 0) return error{std::move(why)};
    } else if (how == static_cast<std::uint8_t>(outcome::done)) {
        auto taken = take(r);
        if (r && r.left() == 0) return {boost::system::in_place_value, std::move(taken)};
    }
    return error{"the helper's answer is not what was expected"};
}

} // namespace

key::secret_text encode_error(const std::string& text) {
    writer w;
    w.u8(static_cast<std::uint8_t>(outcome::failed));
    put(w, std::string_view(text).substr(0, most_text));
    return text_of(w);
}

key::secret_text encode(const refusal_of_nft& a) {
    auto w = begin_done();
    w.u8(a ? 1 : 0);
    if (a) put(w, std::string_view(*a).substr(0, most_text));
    return text_of(w);
}

key::secret_text encode_done(bool flag) {
    auto w = begin_done();
    w.u8(flag ? 1 : 0);
    return text_of(w);
}

key::secret_text encode(const std::vector<address>& a) {
    auto w = begin_done();
    put_all(w, a, [](writer& to, const address& one) { put(to, one); });
    return text_of(w);
}

key::secret_text encode(const configuration_texts& a) {
    std::size_t size = 16;
    for (const auto& f : a.files)
        size += f.name.size() + f.path.size() + f.text.size() + f.problem.size() + 32;
    key::secret_text to;
    to.reserve(size); // so that what it holds is not left behind by growing
    to += static_cast<char>(outcome::done);
    append_number(to, a.files.size());
    for (const auto& f : a.files) {
        to += static_cast<char>(f.from);
        append(to, f.name);
        append(to, f.path);
        append(to, f.text);
        append(to, f.problem);
    }
    return to;
}

key::secret_text encode(const program_end& a) {
    auto w = begin_done();
    w.u8(static_cast<std::uint8_t>(a.how));
    w.u32(a.number);
    put(w, std::string_view(a.text).substr(0, most_text));
    return text_of(w);
}

key::secret_text encode_number(std::uint32_t number) {
    auto w = begin_done();
    w.u32(number);
    return text_of(w);
}

result<refusal_of_nft> decode_refusal(byte_view bytes) {
    return decode_answer(bytes, [](reader& r) -> refusal_of_nft {
        if (r.u8() == 0) return {};
        return take_text(r, most_text);
    });
}

result<bool> decode_flag(byte_view bytes) {
    return decode_answer(bytes, [](reader& r) { return r.u8() != 0; });
}

result<std::vector<address>> decode_addresses(byte_view bytes) {
    return decode_answer(bytes, [](reader& r) { return take_all(r, most_addresses, take_address); });
}

result<configuration_texts> decode_texts(byte_view bytes) {
    return decode_answer(bytes, [](reader& r) {
        using file = configuration_texts::file;
        configuration_texts a;
        a.files = take_all(r, most_files, [](reader& from) {
            file f;
            const auto source = from.u8();
            if (source > static_cast<std::uint8_t>(file::source::secret)) from.skip(~std::size_t{0});
            f.from = static_cast<file::source>(source);
            f.name = take_text(from, most_text);
            f.path = take_text(from, most_text);
            const auto text = take_view(from, most_texts);
            f.text.assign(text.begin(), text.end());
            f.problem = take_text(from, most_text);
            return f;
        });
        return a;
    });
}

result<program_end> decode_end(byte_view bytes) {
    return decode_answer(bytes, [](reader& r) {
        program_end a;
        const auto how = r.u8();
        if (how > static_cast<std::uint8_t>(program_end::manner::not_run)) r.skip(~std::size_t{0});
        a.how = static_cast<program_end::manner>(how);
        a.number = r.u32();
        a.text = take_text(r, most_text);
        return a;
    });
}

result<std::uint32_t> decode_number(byte_view bytes) {
    return decode_answer(bytes, [](reader& r) { return r.u32(); });
}

} // namespace chronoknock::helper
