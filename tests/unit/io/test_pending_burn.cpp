#include "io/store/pending_burn.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>

using namespace chronoknock;

namespace {

const unix_time then{seconds(1'000'000)};

/// Without an address, with an IPv4 one, with an IPv6 one.
std::vector<granting::burnt> tokens_of_three() {
    std::vector<granting::burnt> all;
    for (const auto* who : {"", "192.0.2.7", "2001:db8::7"}) {
        granting::burnt b{"0123", 10 + static_cast<std::int64_t>(all.size()), "web", std::nullopt, then};
        if (*who) b.who = address::parse(who).value();
        b.identity += '\0' + std::string(who);
        all.push_back(std::move(b));
    }
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(pending_burn)

BOOST_AUTO_TEST_CASE(a_mark_tells_what_it_holds_and_so_does_one_of_an_earlier_version) {
    const io::store_mark::state after{7, 1234};
    const auto tokens = tokens_of_three();
    const std::vector<granting::opened_grant> grants{
        {"alice", "01", prefix::parse("2001:db8::/64").value(), "web", then, unix_time::max()}};
    const auto bytes = io::encode(after, tokens, grants);
    const auto told = io::decode_pending_burn(bytes);
    BOOST_REQUIRE(told.has_value());
    BOOST_TEST((told->after == after && told->tokens == tokens && told->grants == grants));
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        const auto cut = io::decode_pending_burn(bytes.substr(0, n));
        BOOST_TEST((!cut || cut->grants.empty())); // between two of them it ends as one with fewer does
    }
    // Before there were grants in it: the tokens up to the end, without their number.
    auto earlier = io::encode(after, tokens, {});
    earlier.replace(0, 8, 8, '\xff');
    earlier.erase(24, 4);
    const auto known = io::decode_pending_burn(earlier);
    BOOST_REQUIRE(known.has_value());
    BOOST_TEST((known->after == after && known->tokens == tokens && known->grants.empty()));
    BOOST_TEST(!io::decode_pending_burn(std::string(7, '\xff') + '\xfd' + earlier.substr(8)));
    BOOST_TEST(!io::decode_pending_burn(""));
}

BOOST_AUTO_TEST_SUITE_END()
