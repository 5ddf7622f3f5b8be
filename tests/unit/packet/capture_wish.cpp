#include "packet/capture_wish.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;

BOOST_AUTO_TEST_SUITE(capture_wish)

BOOST_AUTO_TEST_CASE(a_log_tells_neither_sizes_nor_echoes) {
    const auto ports = *port_set::parse("1-2");
    BOOST_TEST(!packet::capture_wish{.syns = ports}.needs_packets());
    BOOST_TEST((!packet::capture_wish{.syns = ports, .datagrams = {{ports}}}.needs_packets()));
    BOOST_TEST((packet::capture_wish{.datagrams = {{ports}, {ports, {0, 0}}}}.needs_packets()));
    BOOST_TEST((packet::capture_wish{.echoes = packet::size_range{}}.needs_packets()));
}

BOOST_AUTO_TEST_CASE(wishes_add_up) {
    const packet::capture_wish some{
        .syns = *port_set::parse("1-10"),
        .datagrams = {{*port_set::parse("7"), {57, 57}}, {*port_set::parse("53"), {19, 512}}}};
    const packet::capture_wish more{.syns = *port_set::parse("5-20"),
                                    .datagrams = {{*port_set::parse("8-9"), {57, 57}}},
                                    .echoes = {{57, 57}}};
    const packet::capture_wish rest{.datagrams = {{*port_set::parse("1")}}, .echoes = {{10, 20}}};
    const packet::capture_wish expected{.syns = *port_set::parse("1-20"),
                                        .datagrams = {{*port_set::parse("1")},
                                                      {*port_set::parse("53"), {19, 512}},
                                                      {*port_set::parse("7-9"), {57, 57}}},
                                        .echoes = {{10, 57}}};
    packet::wish_sum forth, back;
    for (const auto* one : {&some, &more, &rest}) forth.add(*one);
    for (const auto* one : {&rest, &more, &some}) back.add(*one);
    BOOST_TEST((forth.sum() == expected));
    BOOST_TEST((back.sum() == expected));
    BOOST_TEST((packet::wish_sum().sum() == packet::capture_wish()));

    // What one method would not look at another one may.
    packet::wish_sum both;
    both.add({.datagrams = {{*port_set::parse("7"), {57, 57}, packet::content::ascii}}});
    both.add({.datagrams = {{*port_set::parse("7"), {57, 57}}}});
    const packet::capture_wish apart{
        .datagrams = {{*port_set::parse("7"), {57, 57}},
                      {*port_set::parse("7"), {57, 57}, packet::content::ascii}}};
    BOOST_TEST((both.sum() == apart));
}

BOOST_AUTO_TEST_SUITE_END()
