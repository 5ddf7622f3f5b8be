#include "packet/dns.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace chronoknock;
using namespace chronoknock::packet;

namespace {

std::string name_of(const std::vector<std::uint8_t>& message) {
    const auto n = dns_question(message);
    return n ? std::string(n->view()) : "none";
}

} // namespace

BOOST_AUTO_TEST_SUITE(dns)

BOOST_AUTO_TEST_CASE(a_question_is_read_back) {
    const std::string longest(63, 'a');
    for (const std::string name : {"a", "knock.example.org", "_x-1.Example.ORG"}) {
        auto lower = name;
        for (auto& c : lower) c = static_cast<char>(std::tolower(c));
        BOOST_TEST(name_of(make_dns_question(name, 7)) == lower);
    }
    const auto whole = longest + "." + longest + "." + longest + "." + std::string(61, 'b');
    BOOST_TEST(name_of(make_dns_question(whole, 7)) == whole);
    BOOST_TEST(name_of(make_dns_question(whole + "b", 7)) == "none");
    // What comes after the question, an OPT record of a resolver for one, is nobody's business.
    auto with_more = make_dns_question("a.b", 1);
    with_more.insert(with_more.end(), 500, 0xff);
    BOOST_TEST(name_of(with_more) == "a.b");
}

BOOST_AUTO_TEST_CASE(what_is_no_question_gives_nothing) {
    const auto good = make_dns_question("ab.cd", 1);
    for (std::size_t size = 0; size < good.size(); ++size)
        BOOST_TEST(name_of({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}) == "none");
    const auto with = [&](std::size_t at, std::uint8_t byte) {
        auto other = good;
        other[at] = byte;
        return name_of(other);
    };
    BOOST_TEST(with(2, 0x80) == "none");  // an answer
    BOOST_TEST(with(2, 0x28) == "none");  // an update
    BOOST_TEST(with(5, 2) == "none");     // two questions
    BOOST_TEST(with(5, 0) == "none");     // none
    BOOST_TEST(with(12, 0xc0) == "none"); // a pointer
    BOOST_TEST(with(12, 64) == "none");
    BOOST_TEST(with(13, '.') == "none");
    BOOST_TEST(with(13, 0) == "none");
    BOOST_TEST(with(13, ' ') == "none");
    BOOST_TEST(name_of(make_dns_question("", 1)) == "none");
}

BOOST_AUTO_TEST_SUITE_END()
