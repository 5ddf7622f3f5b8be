// A listing in pages, whatever is answered.
#include "fleet/pages.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock::fleet;

namespace {

range_answer page_of(std::vector<std::string> names, bool more, std::int64_t revision = 7) {
    range_answer a;
    a.head = {1, revision};
    a.more = more;
    for (auto& name : names) a.entries.push_back({std::move(name), "", 3});
    return a;
}

} // namespace

BOOST_AUTO_TEST_SUITE(paging)

BOOST_AUTO_TEST_CASE(all_pages_are_as_of_one_revision) {
    pages p({"a", "z"});
    BOOST_TEST(p.is_first());
    BOOST_TEST(p.next().revision == 0);
    BOOST_TEST(p.take(page_of({"b", "c"}, true)));
    BOOST_TEST(!p.is_over());
    BOOST_TEST(!p.is_first());
    BOOST_TEST(p.next().revision == 7);
    BOOST_TEST(p.next().name == std::string("c\0", 2));
    BOOST_TEST(p.next().end == "z");
    BOOST_TEST(p.take(page_of({"d"}, false, 9)));
    BOOST_TEST(p.is_over());
    BOOST_TEST(p.as_of().revision == 7);
}

BOOST_AUTO_TEST_CASE(nothing_there_is_a_listing) {
    pages p({"a", "z"});
    BOOST_TEST(p.take(page_of({}, false)));
    BOOST_TEST(p.is_over());
}

BOOST_AUTO_TEST_CASE(pages_that_do_not_go_on_end_it) {
    pages empty({"a", "z"});
    BOOST_TEST(!empty.take(page_of({}, true)));
    pages same({"a", "z"});
    BOOST_TEST(same.take(page_of({"b"}, true)));
    BOOST_TEST(!same.take(page_of({"b"}, true)));
    BOOST_TEST(!same.problem().empty());
    pages without_revision({"a", "z"});
    BOOST_TEST(!without_revision.take(page_of({"b"}, true, 0)));
}

BOOST_AUTO_TEST_CASE(a_page_that_is_too_large_is_halved_and_grows_again) {
    pages p({"a", "z"});
    int halved = 0;
    while (p.halve()) ++halved;
    BOOST_TEST(halved == 9);
    BOOST_TEST(p.next().limit == 1);
    BOOST_TEST(p.take(page_of({"b"}, true)));
    BOOST_TEST(p.next().limit == 2);
    BOOST_TEST(p.take(page_of({"c"}, true)));
    BOOST_TEST(p.next().limit == 4);
}

BOOST_AUTO_TEST_CASE(the_whole_is_bounded) {
    pages p({"a", "z"});
    auto a = page_of({}, true);
    a.entries.resize(1'000'000);
    std::uint64_t taken = 0;
    for (char c = 'a'; c < 'z'; ++c) {
        a.entries.back().name = std::string(1, c) + "x";
        if (!p.take(a)) break;
        taken += a.entries.size();
    }
    BOOST_TEST(taken == pages::most);
}

BOOST_AUTO_TEST_SUITE_END()
