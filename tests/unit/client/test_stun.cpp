#include "client/stun.hpp"

#include "base/text.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using client::read_stun_answer;

namespace {

using bytes = std::vector<std::uint8_t>;

bytes from_hex(std::string_view text) {
    std::string digits;
    for (const char c : text)
        if (c != ' ') digits += c;
    return parse_hex(digits).value();
}

const client::stun_transaction id = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};
constexpr const char* id_text = "b7e7a701bc34d686fa87dfae";

// RFC 5769, section 2.2: 192.0.2.1, port 32853
const bytes sample4 = from_hex("0101003c 2112a442 b7e7a701bc34d686fa87dfae "
                               "8022000b 7465737420766563746f7220 "
                               "00200008 0001a147e112a643 "
                               "00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 "
                               "80280004 c07d4c96");
// RFC 5769, section 2.3: 2001:db8:1234:5678:11:2233:4455:6677, port 32853
const bytes sample6 = from_hex("01010048 2112a442 b7e7a701bc34d686fa87dfae "
                               "8022000b 7465737420766563746f7220 "
                               "00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9 "
                               "00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 "
                               "80280004 c8fb0b4c");

/// An answer with these attributes, in hexadecimal.
bytes answer(std::string_view attributes, std::string_view type = "0101",
             std::string_view transaction = id_text) {
    auto tail = from_hex(attributes);
    bytes b = from_hex(type);
    b.push_back(static_cast<std::uint8_t>(tail.size() >> 8));
    b.push_back(static_cast<std::uint8_t>(tail.size()));
    for (const auto& part : {from_hex("2112a442"), from_hex(transaction), tail})
        b.insert(b.end(), part.begin(), part.end());
    return b;
}

/// The address, or what is wrong; "passed over", if it is no answer.
std::string read(const bytes& b) {
    const auto found = read_stun_answer(b, id);
    if (!found) return "passed over";
    return *found ? (*found)->to_string() : found->error().text;
}

constexpr const char* mapped_7 = "00010008 0001a147c0000207"; // MAPPED-ADDRESS 192.0.2.7
constexpr const char* xored_1 = "00200008 0001a147e112a643";  // XOR-MAPPED-ADDRESS 192.0.2.1
constexpr const char* unknown = "00330004 00000000";          // to be understood
constexpr const char* fingerprint_of_nobody = "80280004 00000000";

std::string join(std::initializer_list<const char*> parts) {
    std::string all;
    for (const auto* p : parts) all += p;
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(stun)

BOOST_AUTO_TEST_CASE(a_request_is_a_header_with_the_transaction) {
    const auto request = client::stun_request(id);
    BOOST_TEST(bytes(request.begin(), request.end()) ==
                   from_hex("00010000 2112a442 b7e7a701bc34d686fa87dfae"),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(samples_of_rfc_5769) {
    BOOST_TEST(read(sample4) == "192.0.2.1");
    BOOST_TEST(read(sample6) == "2001:db8:1234:5678:11:2233:4455:6677");
}

BOOST_AUTO_TEST_CASE(whatever_is_damaged_is_passed_over) {
    for (const auto& sample : {sample4, sample6})
        for (std::size_t i = 0; i < sample.size(); ++i) {
            const auto from_end = sample.size() - i;
            if (from_end == 8 || from_end == 7) continue; // the type of FINGERPRINT: another has none
            auto damaged = sample;
            damaged[i] ^= 0x10;
            BOOST_TEST(read(damaged) == "passed over", "byte " << i);
        }
}

BOOST_AUTO_TEST_CASE(whatever_is_cut_or_longer_is_passed_over) {
    for (std::size_t n = 0; n < sample4.size(); ++n)
        BOOST_TEST(read(bytes(sample4.begin(), sample4.begin() + static_cast<std::ptrdiff_t>(n))) ==
                   "passed over");
    auto longer = sample4;
    longer.resize(longer.size() + 4);
    BOOST_TEST(read(longer) == "passed over");
}

BOOST_AUTO_TEST_CASE(only_answers_of_its_own_transaction_count) {
    auto other = id;
    other[11] ^= 1;
    BOOST_TEST(!read_stun_answer(sample4, other));
    BOOST_TEST(read(answer(xored_1, "0001")) == "passed over"); // a request
    BOOST_TEST(read(answer(xored_1, "0011")) == "passed over"); // an indication
    BOOST_TEST(read(answer(xored_1, "0103")) == "passed over"); // of Allocate (RFC 8656)
}

BOOST_AUTO_TEST_CASE(an_old_server_has_the_address_as_it_is) {
    BOOST_TEST(read(answer(mapped_7)) == "192.0.2.7");
    BOOST_TEST(read(answer(join({mapped_7, xored_1}))) == "192.0.2.1");
    BOOST_TEST(read(answer(join({xored_1, mapped_7}))) == "192.0.2.1");
    // SOURCE-ADDRESS and CHANGED-ADDRESS of RFC 3489
    BOOST_TEST(read(answer(join({mapped_7, "00040008 00010d96c0000209", "00050008 00010d97c0000209"}))) ==
               "192.0.2.7");
}

BOOST_AUTO_TEST_CASE(the_first_of_an_attribute_counts) {
    BOOST_TEST(read(answer(join({mapped_7, "00010008 0001a147c0000208"}))) == "192.0.2.7");
}

BOOST_AUTO_TEST_CASE(what_must_be_understood_and_is_not_is_refused) {
    BOOST_TEST(read(answer(join({xored_1, unknown}))) ==
               "its answer has an attribute that must be understood and is not: 0x0033");
    BOOST_TEST(read(answer(join({xored_1, "c0330004 00000000"}))) == "192.0.2.1"); // optional
}

BOOST_AUTO_TEST_CASE(what_follows_the_integrity_is_nobodys_word) {
    const std::string integrity = "00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7";
    BOOST_TEST(read(answer(integrity + xored_1)) == "its answer has no address");
    BOOST_TEST(read(answer(xored_1 + integrity + unknown)) == "192.0.2.1");
}

BOOST_AUTO_TEST_CASE(a_fingerprint_is_the_last_and_right) {
    BOOST_TEST(read(answer(join({xored_1, fingerprint_of_nobody}))) == "passed over");
    BOOST_TEST(read(answer(join({fingerprint_of_nobody, xored_1}))) == "passed over");
    BOOST_TEST(read(answer(join({xored_1, "80280000"}))) == "passed over");
}

BOOST_AUTO_TEST_CASE(attributes_that_do_not_add_up_are_passed_over) {
    BOOST_TEST(read(answer("00200009 0001a147e112a643")) == "passed over");
    BOOST_TEST(read(answer("8022ffff 00000000")) == "passed over");
    BOOST_TEST(read(answer("80220001 00000000")) == "its answer has no address");
}

BOOST_AUTO_TEST_CASE(addresses_that_do_not_fit_are_refused) {
    for (const auto* wrong :
         {"00200008 0003a147e112a643", "00200004 0001a147", "00200000", "00200008 0002a147e112a643",
          "00200014 0001a1470113a9faa5d3f179bc25f4b5bed2b9d9"})
        BOOST_TEST(read(answer(wrong)) == "its answer has no address", wrong);
    BOOST_TEST(read(answer("00010008 0001a14700000000")) == "it says 0.0.0.0, which no packet comes from");
    BOOST_TEST(read(answer("00010008 0001a147e0000001")) == "it says 224.0.0.1, which no packet comes from");
    BOOST_TEST(read(answer("00010008 0001a1477f000001")) == "it says 127.0.0.1, which no packet comes from");
    BOOST_TEST(read(answer("00010014 0002a14700000000000000000000000000000001")) ==
               "it says ::1, which no packet comes from");
}

BOOST_AUTO_TEST_CASE(a_refusal_says_why) {
    BOOST_TEST(read(answer("00090010 00000401 556e617574686f72697a6564", "0111")) ==
               "it refused: 401 Unauthorized");
    BOOST_TEST(read(answer("00090008 00000414 0a1b5b00", "0111")) == "it refused: 420 \\x0a\\x1b[\\x00");
    BOOST_TEST(read(answer("", "0111")) == "it refused: without a reason");
    BOOST_TEST(read(answer("00090000", "0111")) == "it refused: without a reason");
    BOOST_TEST(read(answer(xored_1, "0111")) == "it refused: without a reason"); // no address from a refusal
}

BOOST_AUTO_TEST_CASE(all_servers_must_agree) {
    const auto a = address::parse("192.0.2.1").value();
    const auto b = address::parse("192.0.2.7").value();
    using client::agreed_address;
    using client::stun_answer;
    const std::vector<stun_answer> one{{"a.example", a}};
    const std::vector<stun_answer> two{{"a.example", a}, {"b.example", a}};
    const std::vector<stun_answer> lie{{"a.example", a}, {"b.example", b}};
    const std::vector<stun_answer> deaf{{"a.example", a}, {"b.example", error{"no answer"}}};
    BOOST_TEST(agreed_address(one)->mapped.to_string() == "192.0.2.1");
    BOOST_TEST(agreed_address(two)->mapped.to_string() == "192.0.2.1");
    BOOST_TEST(agreed_address(lie).error().text ==
               "the STUN servers do not agree: a.example says 192.0.2.1, b.example says 192.0.2.7");
    BOOST_TEST(agreed_address(deaf).error().text == "no address from STUN: b.example: no answer");
    BOOST_TEST(agreed_address({}).has_error());
}

BOOST_AUTO_TEST_CASE(two_names_of_one_address_are_one_witness) {
    const auto mapped = address::parse("192.0.2.1").value();
    const auto a = address::parse("198.51.100.1").value();
    const auto b = address::parse("198.51.100.2").value();
    using client::stun_answer;
    const std::vector<stun_answer> one{{"a.example", mapped, a}, {"b.example", mapped, a}};
    const std::vector<stun_answer> two{{"a.example", mapped, a}, {"b.example", mapped, b}};
    BOOST_TEST(client::agreed_address(one)->witnesses == 1u);
    BOOST_TEST(client::agreed_address(two)->witnesses == 2u);
}

BOOST_AUTO_TEST_CASE(whose_knock_names_whom_it_opens_for_asks_two) {
    using hosts = std::vector<std::string>;
    for (const auto& one :
         {hosts{"a.example"}, hosts{"a.example", "a.example"}, // two ports of one host
          hosts{"a.example", "A.Example", "a.example.", "A.EXAMPLE."}, hosts{"2001:db8::1", "2001:DB8:0::1"}})
        BOOST_TEST(client::witnesses(one) == 1u);
    BOOST_TEST(client::witnesses(hosts{"a.example", "b.example"}) == 2u);
    BOOST_TEST(client::enough_witnesses(1, false).has_value());
    BOOST_TEST(client::enough_witnesses(1, true).error().text.starts_with("one STUN server is not enough"));
    BOOST_TEST(client::enough_witnesses(2, true).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
