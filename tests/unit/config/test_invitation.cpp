#include "config/invitation.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using config::invitation;
using config::parse_uri;
using config::to_uri;

namespace {

invitation sample() {
    invitation i;
    i.name = "alice";
    i.host = "server.example";
    i.services = {"ssh", "web"};
    i.service = "ssh";
    i.time_servers = "nts://a.example, none.example";
    i.wait = 22;
    i.key = "secret = 000102030405060708090a0b0c0d0e0f\n";
    return i;
}

std::string complaint(std::string_view text) {
    const auto read = parse_uri(text);
    return read ? "" : read.error().text;
}

const std::string damaged = "the invitation is not whole: it was cut short or changed on the way";

} // namespace

BOOST_AUTO_TEST_CASE(an_invitation_is_read_back) {
    const auto uri = to_uri(sample());
    BOOST_TEST(uri.starts_with("chronoknock://1/"));
    for (const char c : uri) BOOST_TEST((c > ' ' && c < 0x7f));
    const auto read = parse_uri("  " + std::string(uri) + " \r\n");
    BOOST_REQUIRE_MESSAGE(read.has_value(), complaint(uri));
    BOOST_TEST((*read == sample()));
    invitation bare = sample();
    bare.services.clear();
    bare.service = bare.time_servers = "";
    bare.wait = 0;
    BOOST_TEST((parse_uri(to_uri(bare)).value() == bare));
}

BOOST_AUTO_TEST_CASE(a_line_that_was_cut_short_is_noticed) {
    const std::string uri(to_uri(sample()));
    for (std::size_t n = std::string("chronoknock://").size(); n < uri.size(); ++n)
        BOOST_TEST(complaint(uri.substr(0, n)) == damaged, n);
    for (std::size_t n = 0; n < std::string("chronoknock://").size(); ++n)
        BOOST_TEST(complaint(uri.substr(0, n)) == "expected an invitation, chronoknock://...");
}

BOOST_AUTO_TEST_CASE(a_line_that_was_changed_is_noticed) {
    const std::string uri(to_uri(sample()));
    for (std::size_t n = std::string("chronoknock://1/").size(); n < uri.size(); ++n) {
        auto other = uri;
        other[n] = other[n] == 'A' ? 'B' : 'A';
        BOOST_TEST(complaint(other) == damaged);
        other[n] = '+';
        BOOST_TEST(complaint(other) == damaged);
    }
    BOOST_TEST(complaint(uri + "A") == damaged);
    BOOST_TEST(complaint(uri + "=") == damaged);
    BOOST_TEST(complaint("chronoknock://2/AAAA") == "the invitation is of version 2, which a newer chronoknock reads");
    BOOST_TEST(complaint("http://1/AAAA") == "expected an invitation, chronoknock://...");
    BOOST_TEST(complaint(std::string(2 << 20, 'A')) == "expected an invitation, chronoknock://...");
}

BOOST_AUTO_TEST_CASE(what_would_forge_a_line_of_a_file_is_refused) {
    const auto refused = [](auto change) {
        auto i = sample();
        change(i);
        return complaint(to_uri(i)) == "the invitation holds what this chronoknock cannot use";
    };
    BOOST_TEST(refused([](auto& i) { i.host = "a\nkey = /etc/shadow"; }));
    BOOST_TEST(refused([](auto& i) { i.host = "a#b"; }));
    BOOST_TEST(refused([](auto& i) { i.host = ""; }));
    BOOST_TEST(refused([](auto& i) { i.name = "../alice"; }));
    BOOST_TEST(refused([](auto& i) { i.service = "ssh\nx"; }));
    BOOST_TEST(refused([](auto& i) { i.services = {"a b"}; }));
    BOOST_TEST(refused([](auto& i) { i.services.assign(65, "a"); }));
    BOOST_TEST(refused([](auto& i) { i.time_servers = "a, \n[x]"; }));
    BOOST_TEST(refused([](auto& i) { i.key = ""; }));
}

BOOST_AUTO_TEST_CASE(no_complaint_tells_the_secret) {
    auto i = sample();
    i.service = "secret-in-here\n";
    BOOST_TEST(complaint(to_uri(i)).find("secret-in-here") == std::string::npos);
}
