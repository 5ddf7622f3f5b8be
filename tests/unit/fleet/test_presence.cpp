// How a host tells that it is there, and notices that another one does under its name.
#include "lab.hpp"

#include "fleet/presence.hpp"

using namespace chronoknock;
using namespace chronoknock::fleet;

namespace {

struct world {
    seal ours{"/t", secret};
    store etcd;
    presence one{ours}, other{ours};
    unix_time now = noon;

    /// What it comes to that a host tells of itself.
    bool tells(presence& p) {
        now += 5s;
        return p.answered(etcd.apply(p.request({"a", "1", now, 0}, 1)));
    }
    void loses_its_answer(presence& p) {
        now += 5s;
        etcd.apply(p.request({"a", "1", now, 0}, 1));
    }
    std::optional<host_record> there() const {
        const auto name = ours.name_of_host("a");
        return ours.open_host(name, etcd.entries.at(name).value);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(presences, world)

BOOST_AUTO_TEST_CASE(one_host_is_one) {
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(!tells(one));
        BOOST_TEST((there()->seen == now));
    }
    BOOST_TEST(!there()->is_doubled);
    BOOST_TEST(!tells(other)); // the same host, started again
    BOOST_TEST(!tells(other));
}

BOOST_AUTO_TEST_CASE(two_hosts_of_one_name_are_noticed_by_both_once_each) {
    tells(one);
    tells(other);
    BOOST_TEST(tells(one));
    BOOST_TEST(tells(other));
    BOOST_TEST(!tells(one)); // that was told
    BOOST_TEST(one.is_doubled());
    BOOST_TEST(there()->is_doubled);
    tells(one); // the other one has another name now
    BOOST_TEST(!one.is_doubled());
    tells(one);
    BOOST_TEST(!there()->is_doubled);
    tells(other);
    BOOST_TEST(tells(one)); // again
}

BOOST_AUTO_TEST_CASE(an_answer_that_was_lost_is_no_other_host) {
    tells(one);
    loses_its_answer(one);
    loses_its_answer(one);
    BOOST_TEST(!tells(one));
    BOOST_TEST((there()->seen == now));
    BOOST_TEST(!tells(one));
}

BOOST_AUTO_TEST_CASE(neither_is_what_a_cluster_of_before_has_nor_what_somebody_forged) {
    tells(one);
    const auto before = etcd.entries;
    tells(one);
    etcd.entries = before;
    BOOST_TEST(!tells(one));
    etcd.apply({{}, {put{ours.name_of_host("a"), "rubbish"}}, {}});
    BOOST_TEST(!tells(one));
    BOOST_TEST((there()->seen == now));
    etcd.entries.clear();
    BOOST_TEST(!tells(one));
    BOOST_TEST(there().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
