#include "timesync/nts_ke.hpp"

#include <boost/test/unit_test.hpp>
#include <string_view>

using namespace chronoknock::timesync;

namespace {

using bytes = std::vector<std::uint8_t>;

bytes rec(unsigned type, bytes body) {
    bytes out{static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type),
              static_cast<std::uint8_t>(body.size() >> 8), static_cast<std::uint8_t>(body.size())};
    out.insert(out.end(), body.begin(), body.end());
    return out;
}

bytes text(std::string_view s) { return {s.begin(), s.end()}; }

bytes join(std::initializer_list<bytes> parts) {
    bytes out;
    for (const auto& p : parts) out.insert(out.end(), p.begin(), p.end());
    return out;
}

const bytes protocol = rec(0x8001, {0, 0});
const bytes aead = rec(0x8004, {0, 15});
const bytes end = rec(0x8000, {});
bytes cookie(std::uint8_t mark, std::size_t size = 100) { return rec(5, bytes(size, mark)); }

std::string failure(const bytes& message) {
    const auto a = parse_nts_ke_answer(message);
    return a ? "" : a.error().text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(nts_ke)

BOOST_AUTO_TEST_CASE(request) {
    BOOST_TEST(encode_nts_ke_request() == (bytes{0x80, 1, 0, 2, 0, 0, 0x80, 4, 0, 2, 0, 15, 0x80, 0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(exporter_contexts) {
    BOOST_TEST(nts_exporter_context(true) == (bytes{0, 0, 0, 15, 0}));
    BOOST_TEST(nts_exporter_context(false) == (bytes{0, 0, 0, 15, 1}));
}

BOOST_AUTO_TEST_CASE(whole_answer) {
    const auto a =
        parse_nts_ke_answer(join({protocol, aead, cookie(1), cookie(2), rec(0x8006, text("ntp.example")),
                                  rec(0x8007, {0x10, 0xe1}), rec(0x0fff, {1, 2, 3}), end}))
            .value();
    BOOST_TEST(a.host == "ntp.example");
    BOOST_TEST(a.port == 4321);
    BOOST_REQUIRE(a.cookies.size() == 2u);
    BOOST_TEST(a.cookies[1] == bytes(100, 2));

    const auto plain = parse_nts_ke_answer(join({cookie(1), aead, protocol, end})).value();
    BOOST_TEST(plain.host.empty());
    BOOST_TEST(plain.port == 123);
}

BOOST_AUTO_TEST_CASE(cookies_are_bounded) {
    bytes many = join({protocol, aead});
    for (std::uint8_t i = 0; i < 20; ++i) many = join({many, cookie(i)});
    BOOST_TEST(parse_nts_ke_answer(join({many, end})).value().cookies.size() == nts_cookies_kept);

    const auto odd = join({protocol, aead, cookie(1, 99), cookie(2, 0), cookie(3, nts_cookie_limit + 4)});
    BOOST_TEST(failure(join({odd, end})) == "the server gave no usable cookie");
    BOOST_TEST(parse_nts_ke_answer(join({odd, cookie(4), end})).value().cookies.size() == 1u);
}

BOOST_AUTO_TEST_CASE(refusals) {
    const auto ok = join({protocol, aead, cookie(1)});
    const std::string head;
    BOOST_TEST(failure(join({rec(0x8002, {0, 1}), end})) == head + "the server says error 1 (bad request)");
    BOOST_TEST(failure(join({rec(0x8002, {0}), end})) == head + "the server says error without a code");
    BOOST_TEST(failure(join({ok, rec(0x8003, {0, 9}), end})) == head + "the server sends warning 9");
    BOOST_TEST(failure(join({ok, rec(0x8123, {}), end})) == head + "unknown critical record 291");
    BOOST_TEST(failure(join({aead, cookie(1), end})) == head + "the server does not offer NTPv4");
    BOOST_TEST(failure(join({ok, protocol, end})) == head + "the server does not offer NTPv4");
    BOOST_TEST(failure(join({rec(0x8001, {}), aead, end})) == head + "the server does not offer NTPv4");
    const auto no_aead = head + "the server does not offer AEAD_AES_SIV_CMAC_256";
    BOOST_TEST(failure(join({protocol, cookie(1), end})) == no_aead);
    BOOST_TEST(failure(join({protocol, rec(0x8004, {}), end})) == no_aead);
    BOOST_TEST(failure(join({protocol, rec(0x8004, {0, 16}), end})) == no_aead);
    BOOST_TEST(failure(join({protocol, rec(0x8004, {0, 15, 0, 16}), end})) == no_aead);
    BOOST_TEST(failure(join({ok, rec(0x8007, {0, 0}), end})) == head + "the server names no valid NTP port");
    for (const auto* host : {"", "a b", "a\nb", "-oProxy", "a/b"})
        BOOST_TEST(failure(join({ok, rec(0x8006, text(host)), end})) ==
                   head + "the server names no valid NTP server");
    BOOST_TEST(failure(join({ok, rec(0x8006, bytes(256, 'a')), end})) ==
               head + "the server names no valid NTP server");
    BOOST_TEST(failure(join({ok, end, end})) == head + "the answer ends badly");
    BOOST_TEST(failure(join({ok, rec(0x0000, {})})) == head + "the answer ends badly");
    BOOST_TEST(failure(join({ok, rec(0x8000, {1})})) == head + "the answer ends badly");
}

BOOST_AUTO_TEST_CASE(every_cut_is_seen) {
    const auto whole = join({protocol, aead, cookie(1), end});
    BOOST_TEST(nts_ke_message_size(whole).value() == whole.size());
    BOOST_TEST(nts_ke_message_size(join({whole, {1, 2, 3}})).value() == whole.size());
    for (std::size_t n = 0; n < whole.size(); ++n) {
        const bytes part{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)};
        BOOST_TEST(!nts_ke_message_size(part));
        BOOST_TEST(parse_nts_ke_answer(part).has_error());
    }
}

BOOST_AUTO_TEST_SUITE_END()
