// Known answers are those of RFC 2289, appendix C.
#include "key/otp.hpp"

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/replace.hpp>
#include <boost/test/unit_test.hpp>
#include <set>

using namespace chronoknock;
using key::otp_function;

namespace {

struct known_answer {
    otp_function function;
    const char* passphrase;
    const char* seed;
    std::uint32_t count;
    key::otp_value value;
    const char* words;
};

constexpr auto md5 = otp_function::md5;
constexpr auto sha1 = otp_function::sha1;
const known_answer known_answers[] = {
    {md5, "This is a test.", "TeSt", 0, 0x9E876134D90499DD, "INCH SEA ANNE LONG AHEM TOUR"},
    {md5, "This is a test.", "TeSt", 1, 0x7965E05436F5029F, "EASE OIL FUM CURE AWRY AVIS"},
    {md5, "This is a test.", "TeSt", 99, 0x50FE1962C4965880, "BAIL TUFT BITS GANG CHEF THY"},
    {md5, "AbCdEfGhIjK", "alpha1", 0, 0x87066DD9644BF206, "FULL PEW DOWN ONCE MORT ARC"},
    {md5, "AbCdEfGhIjK", "alpha1", 1, 0x7CD34C1040ADD14B, "FACT HOOF AT FIST SITE KENT"},
    {md5, "AbCdEfGhIjK", "alpha1", 99, 0x5AA37A81F212146C, "BODE HOP JAKE STOW JUT RAP"},
    {md5, "OTP's are good", "correct", 0, 0xF205753943DE4CF9, "ULAN NEW ARMY FUSE SUIT EYED"},
    {md5, "OTP's are good", "correct", 1, 0xDDCDAC956F234937, "SKIM CULT LOB SLAM POE HOWL"},
    {md5, "OTP's are good", "correct", 99, 0xB203E28FA525BE47, "LONG IVY JULY AJAR BOND LEE"},
    {sha1, "This is a test.", "TeSt", 0, 0xBB9E6AE1979D8FF4, "MILT VARY MAST OK SEES WENT"},
    {sha1, "This is a test.", "TeSt", 1, 0x63D936639734385B, "CART OTTO HIVE ODE VAT NUT"},
    {sha1, "This is a test.", "TeSt", 99, 0x87FEC7768B73CCF9, "GAFF WAIT SKID GIG SKY EYED"},
    {sha1, "AbCdEfGhIjK", "alpha1", 0, 0xAD85F658EBE383C9, "LEST OR HEEL SCOT ROB SUIT"},
    {sha1, "AbCdEfGhIjK", "alpha1", 1, 0xD07CE229B5CF119B, "RITE TAKE GELD COST TUNE RECK"},
    {sha1, "AbCdEfGhIjK", "alpha1", 99, 0x27BC71035AAF3DC6, "MAY STAR TIN LYON VEDA STAN"},
    {sha1, "OTP's are good", "correct", 0, 0xD51F3E99BF8E6F0B, "RUST WELT KICK FELL TAIL FRAU"},
    {sha1, "OTP's are good", "correct", 1, 0x82AEB52D943774E4, "FLIT DOSE ALSO MEW DRUM DEFY"},
    {sha1, "OTP's are good", "correct", 99, 0x4F296A74FE1567EC, "AURA ALOE HURL WING BERG WAIT"},
};

const std::string good = "RUST WELT KICK FELL TAIL FRAU";

} // namespace

BOOST_AUTO_TEST_CASE(known_answers_of_rfc_2289) {
    for (const auto& k : known_answers) {
        key::otp_hash hash(k.function);
        const auto v = hash.password(k.seed, k.passphrase, k.count);
        BOOST_TEST(key::otp_hex(v) == key::otp_hex(k.value));
        BOOST_TEST(key::otp_words(v) == k.words);
        BOOST_TEST((key::parse_otp_words(k.words) == k.value));
        BOOST_TEST((key::parse_otp_label(key::otp_words(v, '_')) == k.value));
        BOOST_TEST((key::parse_otp_label(boost::to_lower_copy(key::otp_words(v, '_'))) == k.value));
        BOOST_TEST((key::parse_otp_hex(key::otp_hex(v)) == k.value));
        if (k.count == 1) BOOST_TEST((hash.next(hash.first(k.seed, k.passphrase)) == v));
    }
}

BOOST_AUTO_TEST_CASE(every_word_of_the_dictionary) {
    // The first word has the first eleven bits.
    std::set<std::string> words;
    for (key::otp_value n = 0; n < 2048; ++n) {
        const auto text = key::otp_words(n << 53);
        const auto first = text.substr(0, text.find(' '));
        BOOST_TEST((first.size() < 4) == (n < 571));
        words.insert(first);
        BOOST_TEST((key::parse_otp_words(text) == n << 53));
    }
    BOOST_TEST(words.size() == 2048u);
    BOOST_TEST(key::otp_words(0) == "A A A A A A");
    BOOST_TEST(key::otp_words(~key::otp_value{0}).starts_with("YOKE YOKE YOKE YOKE YOKE "));
}

BOOST_AUTO_TEST_CASE(parity_of_the_words) {
    // The last two bits are the parity: of four words that differ in them only one is right.
    int right = 0;
    for (const auto* last : {"WENT", "WERE", "WERT", "WEST"})
        right += key::parse_otp_words(std::string("MILT VARY MAST OK SEES ") + last).has_value();
    BOOST_TEST(right == 1);
    // Each bit before the last word's changes the sum by one or two.
    constexpr key::otp_value v = 0x63D936639734385B;
    const auto kept = key::otp_words(v);
    for (int bit = 9; bit < 64; ++bit) {
        auto changed = key::otp_words(v ^ key::otp_value{1} << bit);
        changed.replace(changed.rfind(' '), changed.npos, kept.substr(kept.rfind(' ')));
        BOOST_TEST(!key::parse_otp_words(changed).has_value(), changed);
    }
}

BOOST_AUTO_TEST_CASE(six_words_and_nothing_else) {
    for (const auto* text : {"rust welt kick fell tail frau", "RuSt wElT\tKICK\r\nFELL\v\fTAIL FRAU",
                             "  RUST WELT KICK FELL TAIL FRAU\n"})
        BOOST_TEST(key::parse_otp_words(text).has_value());
    for (const auto& text :
         {std::string(), std::string(" "), std::string("RUST WELT KICK FELL TAIL"), good + " A", good + ".",
          good + std::string(1, '\0'), std::string(1, '\0') + good,
          "RUST,WELT,KICK,FELL,TAIL,FRAU" + std::string(), "RUSTWELTKICKFELLTAILFRAU" + std::string(),
          "RUST WELT KICK FELL TAIL FRAUX" + std::string(),
          "RUST WELT KICK FELL TAIL \xc6RAU" + std::string(), "RUST WELT KICK FELL TAIL ZZZZ" + std::string(),
          "RUST_WELT_KICK_FELL_TAIL_FRAU" + std::string(), "RUST\xa0WELT KICK FELL TAIL FRAU" + std::string(),
          std::string(100000, 'A'), std::string(100000, ' '), "D51F3E99BF8E6F0B" + std::string()})
        BOOST_TEST(!key::parse_otp_words(text).has_value(), text.substr(0, 60));
}

BOOST_AUTO_TEST_CASE(label_of_the_dns) {
    for (const auto* text : {"", "_____", "RUST_WELT_KICK_FELL_TAIL", "RUST_WELT_KICK_FELL_TAIL_FRAU_",
                             "_RUST_WELT_KICK_FELL_TAIL_FRAU", "RUST__WELT_KICK_FELL_TAIL_FRAU",
                             "RUST WELT KICK FELL TAIL FRAU", "RUST_WELT_KICK_FELL_TAIL_FRAU_A"})
        BOOST_TEST(!key::parse_otp_label(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(hexadecimal_form) {
    BOOST_TEST((key::parse_otp_hex("D51F3e99bf8e6f0b") == 0xD51F3E99BF8E6F0B));
    for (const auto* text :
         {"", "d51f3e99bf8e6f0", "d51f3e99bf8e6f0b0", "d51f3e99bf8e6f0g", "0x1f3e99bf8e6f0b"})
        BOOST_TEST(!key::parse_otp_hex(text).has_value(), text);
}
