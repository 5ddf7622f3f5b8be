#include "nts_messages.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::timesync;
using namespace nts_messages;

BOOST_AUTO_TEST_SUITE(nts)

BOOST_AUTO_TEST_CASE(request_carries_what_the_rfc_asks) {
    auto s = session_with(5);
    const auto packet = nts_protect(header, s, random_bytes()).value();
    BOOST_TEST(s.cookies.size() == 4u);
    BOOST_TEST(s.cookies.front() == bytes(100, 2)); // the oldest went

    const auto f = parse_extension_fields(byte_view{packet}.subspan(ntp_header_size)).value();
    BOOST_REQUIRE(f.size() == 6u); // id, cookie, three placeholders, authenticator
    BOOST_TEST(f[0].type == 0x0104);
    BOOST_TEST(f[0].body.size() == 32u);
    BOOST_TEST(f[1].type == 0x0204);
    BOOST_TEST(f[1].body[0] == 1);
    for (std::size_t i = 2; i < 5; ++i) {
        BOOST_TEST(f[i].type == 0x0304);
        BOOST_TEST(f[i].body.size() == f[1].body.size());
    }
    BOOST_TEST(f[5].type == 0x0404);
    const auto body = f[5].body;
    BOOST_TEST(body.size() == 4u + 16 + 16);
    const auto before = byte_view{packet}.first(ntp_header_size + f[5].start);
    BOOST_TEST(siv{key_of(1)}.open({before, body.subspan(4, 16)}, body.subspan(20)).has_value());
}

BOOST_AUTO_TEST_CASE(placeholders_never_fragment_the_packet) {
    auto full = session_with(8);
    const auto one = nts_protect(header, full, random_bytes()).value();
    BOOST_TEST(parse_extension_fields(byte_view{one}.subspan(48)).value().size() == 3u);
    for (std::size_t size : {16u, 100u, 256u, 512u}) {
        auto s = session_with(1, size);
        BOOST_TEST(nts_protect(header, s, random_bytes()).value().size() <= 1232u);
    }
    auto small = session_with(1);
    const auto packet = nts_protect(header, small, random_bytes()).value();
    BOOST_TEST(parse_extension_fields(byte_view{packet}.subspan(48)).value().size() == 10u);
    BOOST_TEST(nts_protect(header, small, random_bytes()).has_error());
}

BOOST_AUTO_TEST_CASE(fields_are_padded) {
    bytes packet;
    append_extension_field(packet, 0x0204, bytes(17, 9));
    append_extension_field(packet, 0x0304, bytes{});
    const auto f = parse_extension_fields(packet).value();
    BOOST_REQUIRE(f.size() == 2u);
    BOOST_TEST(f[0].body.size() == 20u);
    BOOST_TEST(f[0].body[16] == 9);
    BOOST_TEST(f[0].body[17] == 0);
    BOOST_TEST(f[1].start == 24u);
    BOOST_TEST(f[1].body.size() == 12u);
}

BOOST_AUTO_TEST_CASE(fields_of_wrong_sizes) {
    BOOST_TEST(parse_extension_fields(bytes{}).value().empty());
    for (const std::uint8_t size : bytes{0, 4, 12, 17, 24}) {
        bytes b(20);
        b[3] = size;
        BOOST_TEST(parse_extension_fields(b).has_error());
    }
    BOOST_TEST(parse_extension_fields(bytes(3)).has_error());
}

BOOST_AUTO_TEST_CASE(good_answer_brings_cookies) {
    auto s = session_with(7);
    const auto id = random_bytes().unique_id;
    BOOST_TEST((nts_check(answer(id, 1), id, s).value() == nts_verdict::authentic));
    BOOST_TEST(s.cookies.size() == 8u);
    BOOST_TEST((s.cookies.back() == bytes(100, 0xcc)));
    BOOST_TEST(nts_check(answer(id, 5), id, s).has_value());
    BOOST_TEST(s.cookies.size() == 8u);
    auto none = session_with(0);
    BOOST_TEST((nts_check(answer(id, 0), id, none).value() == nts_verdict::authentic));
    BOOST_TEST(none.cookies.empty());
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_refused) {
    const auto id = random_bytes().unique_id;
    const auto good = answer(id, 1);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        auto forged = good;
        forged[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        auto s = session_with(3);
        BOOST_TEST(nts_check(forged, id, s).has_error());
        BOOST_TEST(s.cookies.size() == 3u);
    }
    for (std::size_t n = 0; n < good.size(); ++n) {
        auto s = session_with(3);
        BOOST_TEST(nts_check(byte_view{good}.first(n), id, s).has_error());
    }
}

BOOST_AUTO_TEST_CASE(what_an_attacker_may_try) {
    const auto id = random_bytes().unique_id;
    nts_unique_id other{};
    auto s = session_with(3);
    BOOST_TEST(nts_check(answer(other, 1), id, s).has_error());              // an older answer
    BOOST_TEST(nts_check(answer(id, 1, siv{key_of(1)}), id, s).has_error()); // our own key reflected
    BOOST_TEST(nts_check(bytes(ntp_header_size), id, s).has_error());        // stripped to plain NTP
    bytes no_id(ntp_header_size);
    BOOST_TEST(nts_check(authenticated(no_id, {}, siv{key_of(2)}), id, s).has_error());
    BOOST_TEST(s.cookies.size() == 3u);

    // A field after the authenticator is not proven: it neither harms nor counts.
    auto longer = answer(id, 1);
    append_extension_field(longer, 0x0204, bytes(100, 0xee));
    BOOST_TEST((nts_check(longer, id, s).value() == nts_verdict::authentic));
    BOOST_TEST(s.cookies.size() == 4u);
    BOOST_TEST((s.cookies.back() == bytes(100, 0xcc)));
}

BOOST_AUTO_TEST_CASE(odd_nonces_and_unknown_fields) {
    const auto id = random_bytes().unique_id;
    auto s = session_with(0);
    bytes packet(ntp_header_size, 0x11);
    append_extension_field(packet, 0x2001, bytes(20, 1));
    append_extension_field(packet, 0x0104, id);
    BOOST_TEST(nts_check(authenticated(packet, {}, siv{key_of(2)}, bytes(13, 5)), id, s).has_value());
    BOOST_TEST(nts_check(authenticated(packet, bytes(12), siv{key_of(2)}), id, s).has_error());
    BOOST_TEST(nts_check(authenticated(packet, {}, siv{key_of(2)}, bytes{}), id, s).has_error());
}

BOOST_AUTO_TEST_CASE(nak_needs_the_identifier) {
    const auto id = random_bytes().unique_id;
    auto s = session_with(3);
    BOOST_TEST((nts_check(nak(id), id, s).value() == nts_verdict::nak));
    BOOST_TEST(nts_check(nak({}), id, s).has_error());
    auto other_kiss = nak(id);
    other_kiss[12] = 'X';
    BOOST_TEST(nts_check(other_kiss, id, s).has_error());
    auto stratum_one = nak(id);
    stratum_one[1] = 1;
    BOOST_TEST(nts_check(stratum_one, id, s).has_error());
    auto bare = nak(id);
    bare.resize(ntp_header_size);
    BOOST_TEST(nts_check(bare, id, s).has_error());
}

BOOST_AUTO_TEST_SUITE_END()
