#include "config/invitation.hpp"

#include "base/reader.hpp"
#include "base/service.hpp"
#include "base/text.hpp"
#include "config/names.hpp"
#include "config/profile.hpp"
#include "key/base64.hpp"
#include "key/digest.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace chronoknock::config {

namespace {

constexpr std::string_view scheme = "chronoknock://";
constexpr std::string_view version = "1/";
constexpr std::size_t check_bytes = 8; ///< of SHA-256: for cut-off copies, not against forgers
constexpr std::size_t most_services = 64;

using check_sum = std::array<std::uint8_t, 32>;

check_sum sum_of(byte_view bytes) {
    check_sum sum{};
    key::digest("sha256")(bytes, sum.data());
    return sum;
}

/// Fields with their lengths before them, in memory for secrets.
class field_writer {
public:
    void number(std::uint64_t n, int bytes) {
        while (bytes-- > 0) out_.push_back(static_cast<std::uint8_t>(n >> 8 * bytes));
    }
    void text(std::string_view t, int length_bytes = 2) {
        number(t.size(), length_bytes);
        out_.insert(out_.end(), t.begin(), t.end());
    }
    key::secret_bytes finish() {
        const auto sum = sum_of(out_);
        out_.insert(out_.end(), sum.begin(), sum.begin() + check_bytes);
        return std::move(out_);
    }

private:
    key::secret_bytes out_;
};

std::string_view text_field(reader& in) {
    const auto bytes = in.bytes(in.u16());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What a profile's field takes: the reader of the field says so.
bool fits_profile(std::string_view field, std::string_view text) {
    profile p;
    return bool(set_profile_field(p, field, text));
}

/// The fields, without the sum behind them; none if they are not what to_uri() writes.
std::optional<invitation> read_fields(byte_view bytes) {
    reader in(bytes);
    invitation i;
    i.name = text_field(in);
    i.host = text_field(in);
    const auto services = in.u16();
    if (services > most_services) return {};
    for (std::uint16_t n = 0; n < services && in; ++n) i.services.emplace_back(text_field(in));
    i.service = text_field(in);
    i.time_servers = text_field(in);
    i.wait = in.u16();
    const auto key = in.bytes(in.u32());
    i.key.assign(key.begin(), key.end());
    const bool fit = in && in.left() == 0 && valid_key_name(i.name) && parse_host(i.host) &&
                     std::ranges::all_of(i.services, service::valid_name) &&
                     (i.service.empty() || fits_profile("service", i.service)) &&
                     (i.time_servers.empty() || fits_profile("time_servers", i.time_servers)) && !i.key.empty();
    // What goes into a file of lines must not make a line of its own, nor a comment.
    const auto breaks = [](const std::string& t) { return t.find_first_of("\r\n#") != t.npos; };
    if (!fit || breaks(i.host) || breaks(i.service) || breaks(i.time_servers)) return {};
    return i;
}

} // namespace

key::secret_text to_uri(const invitation& i) {
    field_writer out;
    out.text(i.name);
    out.text(i.host);
    out.number(i.services.size(), 2);
    for (const auto& s : i.services) out.text(s);
    out.text(i.service);
    out.text(i.time_servers);
    out.number(i.wait, 2);
    out.text(i.key, 4);
    auto digits = key::to_base64(out.finish());
    std::ranges::replace(digits, '+', '-');
    std::ranges::replace(digits, '/', '_');
    key::secret_text uri(scheme);
    uri += version;
    uri += digits;
    std::ranges::fill(digits, '\0');
    return uri;
}

result<invitation> parse_uri(std::string_view text) {
    text = trim(text);
    if (text.ends_with('\n')) text = trim(text.substr(0, text.size() - 1));
    const error none{"expected an invitation, chronoknock://..."};
    const error damaged{"the invitation is not whole: it was cut short or changed on the way"};
    if (text.size() > most_invitation || !text.starts_with(scheme)) return none;
    text.remove_prefix(scheme.size());
    if (!text.starts_with(version)) {
        const auto number = text.substr(0, text.find('/'));
        const bool other = text.find('/') != text.npos && parse_number(number, 2, 999);
        return other ? error{"the invitation is of version " + std::string(number) +
                             ", which a newer chronoknock reads"}
                     : damaged;
    }
    text.remove_prefix(version.size());
    key::secret_text digits(text);
    if (digits.find_first_of("+/=") != digits.npos) return damaged;
    std::ranges::replace(digits, '-', '+');
    std::ranges::replace(digits, '_', '/');
    const auto bytes = key::from_base64(digits);
    if (!bytes || bytes->size() < check_bytes) return damaged;
    const byte_view fields(bytes->data(), bytes->size() - check_bytes);
    const auto sum = sum_of(fields);
    if (!std::equal(sum.begin(), sum.begin() + check_bytes, bytes->end() - check_bytes)) return damaged;
    auto read = read_fields(fields);
    if (!read) return error{"the invitation holds what this chronoknock cannot use"};
    return {boost::system::in_place_value, std::move(*read)};
}

} // namespace chronoknock::config
