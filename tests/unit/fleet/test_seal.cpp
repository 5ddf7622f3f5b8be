// What stands in etcd, and what of it counts.
#include "lab.hpp"

using namespace chronoknock;
using namespace chronoknock::fleet;

namespace {

const seal ours("/t", secret);
const granting::shared_grant grant = grant_of(token(100), "a");

} // namespace

BOOST_AUTO_TEST_SUITE(seals)

BOOST_AUTO_TEST_CASE(what_is_sealed_is_read_back) {
    const auto name = ours.name_of_grant("K", here, "web");
    BOOST_TEST((ours.open_grant(name, ours.close(grant)) == grant));
    burnt_record b{token(-5, std::string("\0\xff", 2)), "a", {1, 2, 3}};
    BOOST_TEST((ours.open_burnt(ours.name_of(b.token), ours.close(b)) == b));
    b.token.who.reset();
    BOOST_TEST((ours.open_burnt(ours.name_of(b.token), ours.close(b)) == b));
    const top_record t{"K", 17};
    BOOST_TEST((ours.open_top(ours.name_of_top("K"), ours.close(t)) == t));
    const host_record h{"a", "0.1.0", noon, 12, true};
    BOOST_TEST((ours.open_host(ours.name_of_host("a"), ours.close(h)) == h));
    auto wide = grant;
    wide.who = prefix(*address::parse("2001:db8::"), 64);
    BOOST_TEST((ours.open_grant(ours.name_of_grant("K", wide.who, "web"), ours.close(wide)) == wide));
}

BOOST_AUTO_TEST_CASE(what_was_changed_counts_for_nothing) {
    const auto name = ours.name_of_grant("K", here, "web");
    const auto sealed = ours.close(grant);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        auto other = sealed;
        other[i] = static_cast<char>(other[i] ^ 1);
        BOOST_TEST(!ours.open_grant(name, other));
    }
    BOOST_TEST(!ours.open_grant(name, sealed.substr(1)));
    BOOST_TEST(!ours.open_grant(name, ""));
    const seal others("/t", std::vector<std::uint8_t>(32, 8));
    BOOST_TEST(!others.open_grant(name, sealed));
    BOOST_TEST(others.name_of_grant("K", here, "web") != name);
}

BOOST_AUTO_TEST_CASE(nothing_is_moved_to_another_name) {
    const auto sealed = ours.close(grant);
    BOOST_TEST(!ours.open_grant(ours.name_of_grant("K", there, "web"), sealed));
    BOOST_TEST(!ours.open_grant(ours.name_of_grant("K", here, "ssh"), sealed));
    const seal elsewhere("/u", secret);
    BOOST_TEST(!elsewhere.open_grant(elsewhere.name_of_grant("K", here, "web"), sealed));
    const burnt_record b{token(1), "a", {}};
    BOOST_TEST(!ours.open_grant(ours.name_of(b.token), ours.close(b)));
}

BOOST_AUTO_TEST_CASE(names_tell_neither_keys_nor_addresses_and_are_in_order) {
    for (const auto& name :
         {ours.name_of_grant("K", here, "web"), ours.name_of(token(3)), ours.name_of_top("K")}) {
        BOOST_TEST(name.find("K") == name.npos);
        BOOST_TEST(name.find("192.0.2") == name.npos);
    }
    std::string before;
    for (const std::int64_t place :
         {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0}, std::int64_t{1},
          std::int64_t{256}, std::numeric_limits<std::int64_t>::max()}) {
        const auto first = ours.first_burnt_of("K", place);
        BOOST_TEST(before < first);
        BOOST_TEST(ours.name_of(token(place)).starts_with(first));
        before = first;
    }
    const auto [first, last] = ours.watched();
    for (const auto& name :
         {ours.name_of(token(3)), ours.name_of_grant("K", here, "web"), ours.name_of_echo()})
        BOOST_TEST((first <= name && name < last));
    for (const auto& name : {ours.name_of_top("K"), ours.name_of_host("a")})
        BOOST_TEST(!(first <= name && name < last));
}

BOOST_AUTO_TEST_SUITE_END()
