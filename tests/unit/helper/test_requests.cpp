#include "helper/answers.hpp"
#include "lab.hpp"

#include <boost/test/unit_test.hpp>

using namespace helper_lab;

namespace {

std::span<const std::uint8_t> bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::span<const std::uint8_t> bytes(const key::secret_text& text) {
    return bytes(std::string_view(text.data(), text.size()));
}

bool is_refused(const helper::request& r) { return !helper::decode(bytes(helper::encode(r))); }

} // namespace

BOOST_AUTO_TEST_CASE(what_is_asked_is_what_is_read) {
    for (const auto& r : one_of_each()) {
        const auto again = helper::decode(bytes(helper::encode(r)));
        BOOST_TEST_REQUIRE(again.has_value(), "kind " << r.index());
        BOOST_TEST((*again == r), "kind " << r.index());
    }
}

BOOST_AUTO_TEST_CASE(a_request_that_is_cut_or_too_long_is_refused) {
    for (const auto& r : one_of_each()) {
        const auto text = helper::encode(r);
        for (std::size_t n = 0; n < text.size(); ++n)
            BOOST_TEST(!helper::decode(bytes(std::string_view(text).substr(0, n))),
                       "kind " << r.index() << ", " << n << " bytes");
        BOOST_TEST(!helper::decode(bytes(text + '\0')));
    }
    BOOST_TEST(!helper::decode(bytes(std::string(1, '\x0a'))));
}

BOOST_AUTO_TEST_CASE(values_that_no_configuration_can_have_are_refused) {
    const auto with = [](auto change) {
        auto rules = some_rules();
        change(rules);
        return is_refused(helper::keep_guard{rules});
    };
    BOOST_TEST(!with([](auto&) {}));
    BOOST_TEST(with([](auto& r) { r.services[0].name = "ssh; flush ruleset"; }));
    BOOST_TEST(with([](auto& r) { r.services[0].name = ""; }));
    BOOST_TEST(with([](auto& r) { r.services[0].ports.clear(); }));
    BOOST_TEST(with([](auto& r) { r.services[0].ports[0].ports = {23, 22}; }));
    BOOST_TEST(with([](auto& r) { r.services[0].uses = firewall::most_uses + 1; }));
    BOOST_TEST(with([](auto& r) { r.services[0].prefixes4 = {33}; }));
    BOOST_TEST(with([](auto& r) { r.services[0].prefixes6 = {129}; }));
    BOOST_TEST(with([](auto& r) { r.always_allow[0].length = 33; }));
    BOOST_TEST(with([](auto& r) { r.always_allow[0].length = 8; })); // bits beyond it
    BOOST_TEST(with([](auto& r) { r.unauthorized = static_cast<firewall::unauthorized>(2); }));
    for (const auto* const table :
         {"", "filter", "chronoknock_3", "a;include \"/dev/zero\"", "chronoknock\n"})
        BOOST_TEST(with([&](auto& r) { r.table = table; }), table);
    BOOST_TEST(!with([](auto& r) { r.table = firewall::spare_table; }));
}

BOOST_AUTO_TEST_CASE(a_table_that_is_not_ours_is_not_written) {
    auto order = some_order();
    BOOST_TEST(script_of(order).has_value());
    order.rules.table = "filter";
    BOOST_TEST(!script_of(order));
    BOOST_TEST(!setup_script(order.rules, {}, {}));
    order.task = firewall::nft_order::action::admit;
    BOOST_TEST(!script_of(order));
    order = some_order();
    order.existing.chains.push_back("a; flush ruleset");
    BOOST_TEST(!script_of(order));
}

BOOST_AUTO_TEST_CASE(a_small_request_is_never_long) {
    for (const auto& r : one_of_each()) {
        const auto most = helper::limits[r.index()].bytes;
        BOOST_TEST(helper::encode(r).size() <= most, "kind " << r.index());
        std::string text(most + 1, '\0');
        text[0] = static_cast<char>(r.index());
        BOOST_TEST(helper::decode(bytes(text)).error().text == "helper: expected a request of fewer bytes");
    }
}

BOOST_AUTO_TEST_CASE(all_but_programs_end_in_a_time_of_theirs) {
    for (const auto& r : one_of_each())
        BOOST_TEST((helper::limits[r.index()].time > seconds(0)) ==
                       !std::holds_alternative<helper::run_program>(r),
                   "kind " << r.index());
}

BOOST_AUTO_TEST_CASE(only_names_of_hosts_are_looked_up) {
    for (const auto* const name : {"", "-h", "a b", "a/b", "a\nb", "a'b"})
        BOOST_TEST(is_refused(helper::look_up{name}), name);
    BOOST_TEST(is_refused(helper::look_up{std::string(254, 'a')}));
    BOOST_TEST(!is_refused(helper::look_up{"a-b_c.Example.9"}));
}

BOOST_AUTO_TEST_CASE(a_program_has_a_path_and_its_environment_names_of_ours) {
    const auto run = [](std::vector<std::string> command, std::vector<std::string> facts) {
        return is_refused(helper::run_program{helper::program::event, std::move(command), std::move(facts)});
    };
    BOOST_TEST(!run({"/bin/true"}, {}));
    BOOST_TEST(run({}, {}));
    BOOST_TEST(run({"true"}, {}));
    BOOST_TEST(run({std::string("/bin/true\0x", 11)}, {}));
    BOOST_TEST(run(std::vector<std::string>(65, "/bin/true"), {}));
    BOOST_TEST(run({"/bin/true", std::string(4097, 'a')}, {}));
    BOOST_TEST(is_refused(helper::run_program{static_cast<helper::program>(3), {"/bin/true"}, {}}));
    for (const auto* const fact :
         {"CHRONOKNOCK_ACTION=open", "CHRONOKNOCK_ADDRESS=192.0.2.1",
          "CHRONOKNOCK_ADDRESS=", "CHRONOKNOCK_ADDRESS=192.0.2.0/24", "CHRONOKNOCK_PORTS=22,60000-61000",
          "CHRONOKNOCK_KEY=alice@laptop", "CHRONOKNOCK_SERVICE=ssh,web", "CHRONOKNOCK_UNTIL=-1",
          "CHRONOKNOCK_REASON=1 of 3 servers agree; 'b' is late (2 s)"})
        BOOST_TEST(!run({"/bin/true"}, {fact}), fact);
    for (const auto* const fact :
         {"LD_PRELOAD=/x", "CHRONOKNOCK_X=1", "CHRONOKNOCK_KEY", "CHRONOKNOCK_KEY=a b",
          "CHRONOKNOCK_REASON=\n", "CHRONOKNOCK_REASON=$(id)", "CHRONOKNOCK_REASON=`id`",
          "CHRONOKNOCK_ADDRESS=x", "CHRONOKNOCK_SECONDS=-1", "CHRONOKNOCK_PORTS=22;id", " CHRONOKNOCK_KEY=a",
          "CHRONOKNOCK_key=a"})
        BOOST_TEST(run({"/bin/true"}, {fact}), fact);
    BOOST_TEST(run({"/bin/true"}, {"CHRONOKNOCK_KEY=a", "CHRONOKNOCK_KEY=b"}));
}

BOOST_AUTO_TEST_CASE(sockets_are_of_the_Internet_and_of_three_kinds) {
    using kind = helper::open_socket::kind;
    for (const auto family : {4, 6})
        for (const auto wanted : {kind::stream, kind::datagram, kind::sender})
            BOOST_TEST(!is_refused(helper::open_socket{static_cast<std::uint8_t>(family), wanted}));
    BOOST_TEST(is_refused(helper::open_socket{1, kind::stream}));
    BOOST_TEST(is_refused(helper::open_socket{17, kind::datagram}));
    BOOST_TEST(is_refused(helper::open_socket{4, static_cast<kind>(3)}));
}

BOOST_AUTO_TEST_CASE(what_is_answered_is_what_is_heard) {
    using namespace chronoknock::helper;
    BOOST_TEST(decode_refusal(bytes(encode(refusal_of_nft("no")))).value().value() == "no");
    BOOST_TEST(!decode_refusal(bytes(encode(refusal_of_nft()))).value().has_value());
    BOOST_TEST(decode_flag(bytes(encode_done(true))).value());
    BOOST_TEST(!decode_flag(bytes(encode_done(false))).value());
    BOOST_TEST(decode_flag(bytes(encode_error("why"))).error().text == "why");
    const std::vector<address> found{*address::parse("192.0.2.1"), *address::parse("2001:db8::1")};
    BOOST_TEST((decode_addresses(bytes(encode(found))).value() == found));
    configuration_texts texts;
    using source = configuration_texts::file::source;
    texts.files = {{source::main, "/a.ini", "", "text", ""},
                   {source::key, "/b.key", "", "", "cannot open"},
                   {source::authorities, "/ca.pem", "", "certificates", ""}};
    BOOST_TEST((decode_texts(bytes(encode(texts))).value() == texts));
    const program_end end{program_end::manner::signalled, 9, "out"};
    BOOST_TEST((decode_end(bytes(encode(end))).value() == end));
    BOOST_TEST(decode_number(bytes(encode_number(97))).value() == 97u);
    BOOST_TEST(!decode_number(bytes(encode_done())));
    BOOST_TEST(!decode_end(bytes(encode_done())));
    BOOST_TEST(!decode_texts(bytes(encode(found))));
}
