// etcd's JSON, as its gateway (3.4) takes and gives it.
#include "lab.hpp"

#include "fleet/base64.hpp"

using namespace chronoknock;
using namespace chronoknock::fleet;

BOOST_AUTO_TEST_SUITE(messages)

BOOST_AUTO_TEST_CASE(a_transaction_is_written) {
    const transaction t{{{"a", compare::field::create_revision, 0}, {"b", compare::field::mod_revision, 7}},
                        {put{"a", std::string("\0\xff", 2), 12}, erase{"c", "d"}},
                        {range{"a"}}};
    BOOST_TEST(to_json(t) ==
               R"({"compare":[{"key":"YQ==","result":"EQUAL","target":"CREATE","create_revision":"0"},)"
               R"({"key":"Yg==","result":"EQUAL","target":"MOD","mod_revision":"7"}],)"
               R"("success":[{"request_put":{"key":"YQ==","value":"AP8=","lease":"12"}},)"
               R"({"request_delete_range":{"key":"Yw==","range_end":"ZA=="}}],)"
               R"("failure":[{"request_range":{"key":"YQ=="}}]})");
}

BOOST_AUTO_TEST_CASE(answers_are_read) {
    const auto done = parse_transaction_answer(
        R"({"header":{"cluster_id":"14841639068965178418","member_id":"1","revision":"5","raft_term":"2"},)"
        R"("succeeded":true,"responses":[{"response_put":{"header":{"revision":"5"}}}]})");
    BOOST_REQUIRE(done);
    BOOST_TEST(done->succeeded);
    BOOST_TEST((done->head == header{14841639068965178418u, 5}));
    const auto not_done = parse_transaction_answer(
        R"({"header":{"revision":"5"},"responses":[{"response_range":{"header":{"revision":"5"},"kvs":)"
        R"([{"key":"YQ==","create_revision":"2","mod_revision":"3","version":"1","value":"AP8="}],"count":"1"}},)"
        R"({"response_range":{"header":{"revision":"5"}}}]})");
    BOOST_REQUIRE(not_done);
    BOOST_TEST(!not_done->succeeded);
    BOOST_REQUIRE(not_done->ranges.size() == 2u);
    BOOST_TEST(not_done->ranges[0].entries.at(0).value == std::string("\0\xff", 2));
    BOOST_TEST(not_done->ranges[0].entries.at(0).revision == 3);
    BOOST_TEST(not_done->ranges[1].entries.empty());
}

BOOST_AUTO_TEST_CASE(a_watch_is_read) {
    const auto created = parse_watch_answer(R"({"result":{"header":{"revision":"9"},"created":true}})");
    BOOST_TEST((created && created->created && created->events.empty()));
    const auto events = parse_watch_answer(
        R"({"result":{"header":{"revision":"10"},"events":[{"kv":{"key":"YQ==","mod_revision":"10","value":"Yg=="}},)"
        R"({"type":"DELETE","kv":{"key":"Yw==","mod_revision":"10"}}]}})");
    BOOST_REQUIRE(events);
    BOOST_REQUIRE(events->events.size() == 2u);
    BOOST_TEST(!events->events[0].erased);
    BOOST_TEST(events->events[1].erased);
    BOOST_TEST(events->events[1].what.name == "c");
    BOOST_TEST(events->told_until() == 10);
    BOOST_TEST(created->told_until() == 0);
    // The first of some thousands, as etcd 3.4 tells them to a watch that begins in the past.
    const auto some = parse_watch_answer(
        R"({"result":{"header":{"revision":"2501"},"events":[{"kv":{"key":"YQ==","mod_revision":"1001"}}]}})");
    BOOST_REQUIRE(some);
    BOOST_TEST(some->told_until() == 1001);
    const auto compacted =
        parse_watch_answer(R"({"result":{"header":{},"canceled":true,"compact_revision":"7"}})");
    BOOST_TEST((compacted && compacted->canceled && compacted->compacted == 7));
    const auto failed =
        parse_watch_answer(R"({"error":{"grpc_code":14,"message":"transport is closing\n"}})");
    BOOST_TEST((failed && failed->canceled));
    BOOST_TEST(failed->reason == "transport is closing\\x0a");
}

BOOST_AUTO_TEST_CASE(what_is_none_is_an_error) {
    for (const std::string text :
         {"", "{", "[]", "7", R"({"header":7})", R"({"responses":{}})",
          R"({"responses":[{"response_range":{"kvs":[{"key":"!"}]}}]})", R"({"header":{"revision":"x"}})",
          R"({"header":{"revision":"99999999999999999999"}})"}) {
        BOOST_TEST(!parse_transaction_answer(text), text);
    }
    BOOST_TEST(!parse_lease_answer("{}"));
    BOOST_TEST(!parse_authenticate_answer("{}"));
    BOOST_TEST(!parse_authenticate_answer(R"({"token":"a\r\nb"})")); // it stands in a header later
    BOOST_TEST((*parse_authenticate_answer(R"({"token":"abc.7"})") == "abc.7"));
}

BOOST_AUTO_TEST_CASE(complaints_are_told_apart) {
    const auto lease = parse_complaint(
        R"({"error":"etcdserver: requested lease not found","message":"etcdserver: requested lease not found","code":5})");
    BOOST_TEST(lease.code == 5);
    BOOST_TEST(!lease.may_pass());
    BOOST_TEST(parse_complaint(R"({"error":"etcdserver: no leader","code":14})").may_pass());
    const auto full = parse_complaint(R"({"error":"etcdserver: mvcc: database space exceeded","code":8})");
    BOOST_TEST(full.is_full());
    BOOST_TEST(!full.may_pass());
    const auto busy = parse_complaint(R"({"error":"etcdserver: too many requests","code":8})");
    BOOST_TEST(!busy.is_full());
    BOOST_TEST(busy.may_pass());
    const auto large = parse_complaint(
        R"j({"error":"grpc: received message larger than max (5000000 vs. 4194304)","code":8})j");
    BOOST_TEST(large.is_too_large());
    BOOST_TEST(!large.may_pass());
    BOOST_TEST(parse_complaint("404 page not found\n").may_pass());
    BOOST_TEST(parse_complaint("<html>\x1b[2J").text == "<html>\\x1b[2J");
}

BOOST_AUTO_TEST_CASE(base64_is_padded) {
    BOOST_TEST(to_base64("a") == "YQ==");
    BOOST_TEST((from_base64("YQ==") == "a"));
    BOOST_TEST((from_base64("") == ""));
    BOOST_TEST(!from_base64("Y"));
}

BOOST_AUTO_TEST_SUITE_END()
