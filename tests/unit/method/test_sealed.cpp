// Sealed requests as bytes, ports and names, and the key files that they are made with.
#include "base/text.hpp"
#include "sealed_lab.hpp"

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

using namespace chronoknock;
using namespace chronoknock::sealed;
using namespace std::chrono_literals;

namespace {

std::string key_file(const boost::json::object& k) {
    std::string text;
    for (const auto& [name, value] : k) {
        if (value.is_string() && value.as_string().empty()) continue;
        text += std::string(name) + " = " +
                (value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value)) + "\n";
    }
    return text;
}

std::string complaint(const std::string& fields) {
    const auto k = method::read_key("method = sealed\nsecret = 000102030405060708090a0b0c0d0e0f\n" + fields);
    return k ? "accepted" : k.error().text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sealed_requests)

BOOST_AUTO_TEST_CASE(every_vector) {
    std::ifstream file(CHRONOKNOCK_SOURCE_DIR "/tests/unit/method/method_vectors.json");
    std::stringstream text;
    text << file.rdbuf();
    const auto cases = boost::json::parse(text.str()).as_object().at("sealed").as_array();
    BOOST_TEST(cases.size() == 8u);
    for (const auto& value : cases) {
        const auto& v = value.as_object();
        const auto k = method::read_key(key_file(v.at("key").as_object()));
        BOOST_REQUIRE_MESSAGE(k.has_value(), (k ? std::string() : k.error().text));
        const auto& row = method::method_of(**k);
        const auto nonce = *parse_hex(v.at("nonce").as_string().c_str());
        const std::vector<std::uint8_t> random(32, 0x5a);
        method::knock_request r{.source = *address::parse(v.at("ip").as_string().c_str()),
                                .at = v.at("time").as_int64(),
                                .service = v.at("service").as_string().c_str(),
                                .random = random,
                                .nonce = nonce};
        r.close = v.at("action").as_string() == "close";
        if (const auto s = v.at("open_for").as_int64(); s != 0) r.open_for = seconds(s);
        const auto print = [&](key::carrier c) {
            r.carrier = c;
            const auto plan = row.plan(**k, r);
            return plan->text.empty() ? client::to_text(plan->shots) : plan->text;
        };
        BOOST_TEST(print(key::carrier::udp) == v.at("message").as_string().c_str());
        BOOST_TEST(print(key::carrier::icmp) == v.at("message").as_string().c_str());
        BOOST_TEST(print(key::carrier::dns) == v.at("name").as_string().c_str());
        std::string ports;
        for (const auto& port : v.at("ports").as_array())
            ports += (ports.empty() ? "" : " ") + boost::json::serialize(port);
        BOOST_TEST(print(key::carrier::ports) == ports);

        // And back again.
        message m{};
        std::ranges::copy(*parse_hex(v.at("message").as_string().c_str()), m.begin());
        const auto& c = static_cast<const credential&>(**k);
        const auto opened = sealer(c.psk()).open(m);
        BOOST_REQUIRE(opened.has_value());
        BOOST_TEST(opened->time == r.at);
        BOOST_TEST((opened->who == r.source));
        BOOST_TEST(opened->close == r.close);
        BOOST_TEST(opened->open_for == v.at("open_for").as_int64());
        BOOST_TEST((opened->service == mark_of(r.service)));
        const auto said = from_name(v.at("name").as_string().c_str());
        BOOST_REQUIRE(said.has_value());
        BOOST_TEST((said->m == m));
        BOOST_TEST(said->zone == "knock.example.org");
    }
}

BOOST_AUTO_TEST_CASE(request_comes_back_as_it_was) {
    request r;
    BOOST_TEST((decode(encode(r)) == r));
    r = {true, address::parse("2001:db8::1").value(), 1'700'000'000, 90, {1, 2, 3, 4}, mark_of("ssh")};
    BOOST_TEST((decode(encode(r)) == r));
    r.who = *address::parse("192.0.2.1");
    const auto bytes = encode(r);
    BOOST_TEST((decode(bytes) == r));
    BOOST_TEST(bytes[11] == 0xff); // address16: an IPv4-mapped one
    BOOST_TEST(bytes[13] == 192);
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_none) {
    auto bytes = encode({});
    BOOST_TEST(!decode(byte_view(bytes).first(request_size - 1)));
    std::vector<std::uint8_t> longer(bytes.begin(), bytes.end());
    longer.push_back(0);
    BOOST_TEST(!decode(longer));
    bytes[0] = 2;
    BOOST_TEST(!decode(bytes));
    bytes[0] = 1;
    BOOST_TEST(decode(bytes).has_value());
    bytes[17] = 0x80; // before 1970
    BOOST_TEST(!decode(bytes));
}

BOOST_AUTO_TEST_CASE(every_bit_of_a_message_matters) {
    const auto k = lab::read("");
    sealer s(static_cast<const credential&>(*k).psk());
    const auto m = *s.seal({.time = lab::epoch});
    BOOST_TEST(s.open(m).has_value());
    for (std::size_t bit = 0; bit < 8 * message_size; ++bit) {
        auto changed = m;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
        BOOST_TEST(!s.open(changed), "bit " << bit);
    }
    BOOST_TEST(!sealer(static_cast<const credential&>(*lab::read("", 2)).psk()).open(m));
    BOOST_TEST(!sealer(static_cast<const credential&>(*lab::read("realm = other\n")).psk()).open(m));
}

BOOST_AUTO_TEST_CASE(ports_and_digits_of_every_width) {
    const auto k = lab::read("");
    const auto m = *sealer(static_cast<const credential&>(*k).psk()).seal({.time = lab::epoch});
    for (std::uint8_t bits = 1; bits <= 16; ++bits)
        for (const auto order : {order::indexed, order::sequential}) {
            const layout l{0, bits, order};
            if (l.last_port() > 65535) continue;
            const auto ports = ports_of(m, l);
            BOOST_TEST(ports.size() == l.digits());
            std::vector<std::uint16_t> digits;
            for (std::size_t i = 0; i < ports.size(); ++i) {
                digits.push_back(static_cast<std::uint16_t>(ports[i] - l.first_of(i)));
                BOOST_TEST(digits.back() < 1u << bits);
            }
            BOOST_TEST((assemble(digits, l) == m));
            if (l.filling() == 0) continue;
            digits.back() |= 1; // in the bits beyond the message
            BOOST_TEST(!assemble(digits, l));
        }
    BOOST_TEST((layout{1024, 10, order::indexed}.last_port() == 48127u));
    BOOST_TEST((layout{1024, 10, order::indexed}.digits() == 46u));
}

BOOST_AUTO_TEST_CASE(names_in_any_labels) {
    const auto k = lab::read("");
    const auto m = *sealer(static_cast<const credential&>(*k).psk()).seal({.time = lab::epoch});
    const auto name = to_name(m, "knock.example");
    BOOST_TEST(name.find('.') == 63u);
    auto text = name;
    text.erase(63, 1);
    for (const auto dot : {1u, 31u, 60u}) text.insert(dot, 1, '.');
    const auto said = from_name(text);
    BOOST_REQUIRE(said.has_value());
    BOOST_TEST((said->m == m));
    BOOST_TEST(said->zone == "knock.example");
    BOOST_TEST(!from_name(name.substr(1)));
    BOOST_TEST(!from_name("0" + name));
    BOOST_TEST(!from_name(name.substr(0, name.size() - std::string("knock.example").size() - 1)));
    BOOST_TEST(!from_name(""));
    auto other = name;
    other[3] = 'w';
    BOOST_TEST(!from_name(other));
}

BOOST_AUTO_TEST_CASE(key_file) {
    const auto k = lab::read(all_carriers);
    const auto& c = static_cast<const credential&>(*k);
    BOOST_TEST((c.carriers() ==
                std::vector{key::carrier::ports, key::carrier::udp, key::carrier::icmp, key::carrier::dns}));
    BOOST_TEST(c.settings().zone == "knock.example");
    BOOST_TEST(c.always_fresh());
    BOOST_TEST(c.least_memory() == 46u);
    BOOST_TEST(lab::read("")->least_memory() == 0u);
    BOOST_TEST((lab::read("")->carriers() == std::vector{key::carrier::udp}));
}

BOOST_AUTO_TEST_CASE(unfit_key_files) {
    BOOST_TEST(complaint("length = 3\n") ==
               "line 3: length: unknown field; expected method, function, granularity, ports, realm, secret, "
               "carrier, base, bits, order or zone");
    BOOST_TEST(complaint("function = sha256\n") ==
               "line 3: function: expected an hmac- function: a plain digest seals nothing");
    BOOST_TEST(complaint("carrier = smoke\n") ==
               "line 3: carrier: expected ports or udp or icmp or dns, not 'smoke'");
    BOOST_TEST(complaint("carrier = udp, udp\n") ==
               "line 3: carrier: expected each carrier once, not 'udp' twice");
    BOOST_TEST(complaint("carrier = dns\n") == "zone: expected with the carrier dns, and missing");
    BOOST_TEST(
        complaint("bits = 11\n") ==
        "line 3: bits: expected ports up to 65535, and with this base, bits and order the last one would be "
        "87039");
    BOOST_TEST(complaint("bits = 11\norder = sequential\n") == "accepted");
    BOOST_TEST(complaint("bits = 3\n") == "line 3: bits: expected a whole number from 4 to 16, not '3'");
    BOOST_TEST(complaint("bits = 4\n") == "accepted");
    BOOST_TEST(complaint("order = any\n") == "line 3: order: expected indexed or sequential, not 'any'");
    BOOST_TEST(complaint("base = 18500\n").starts_with("line 3: base: expected ports up to 65535"));
    BOOST_TEST(complaint("zone = a..b\n").starts_with("line 3: zone: expected a name like"));
    BOOST_TEST(complaint("zone = " + std::string(50, 'a') + "." + std::string(50, 'b') + "." +
                         std::string(58, 'c') + "\n")
                   .starts_with("line 3: zone: expected a name like knock.example.org, of at most 159"));
}

BOOST_AUTO_TEST_CASE(new_key) {
    const auto& row = method::method_of(*lab::read(""));
    const std::vector<std::uint8_t> random(8192, 7);
    const std::vector<ini_field> fields{{"carrier", "dns", 0}, {"zone", "knock.example", 0}};
    const auto made = row.generate(fields, random, lab::epoch);
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST(made->server.empty());
    const auto k = method::read_key(made->client);
    BOOST_REQUIRE_MESSAGE(k.has_value(), (k ? std::string() : k.error().text));
    BOOST_TEST((*k)->method() == "sealed");
    BOOST_TEST((static_cast<const credential&>(**k).psk().secret.size() == 64u));
    BOOST_TEST(row.generate(std::vector<ini_field>{{"carrier", "dns", 0}}, random, 0).error().text ==
               "zone: expected with the carrier dns, and missing");
    BOOST_TEST(!row.generate(std::vector<ini_field>{{"realm", "a # b", 0}}, random, 0));
}

BOOST_FIXTURE_TEST_CASE(plan_by_each_carrier, lab) {
    const auto& k = *key().key;
    const auto& row = method::method_of(k);
    std::vector<std::uint8_t> random(32, 0);
    method::knock_request r{.source = who, .at = epoch, .service = "", .random = random};
    BOOST_TEST(row.plan(k, r)->shots.size() == 46u); // the first of its carriers
    r.carrier = key::carrier::udp;
    BOOST_TEST(row.plan(k, r)->shots.front().port == 20000);
    random.assign(32, 0xff);
    BOOST_TEST(row.plan(k, r)->shots.front().port == 20003);
    BOOST_TEST(row.plan(k, r)->shots.front().payload.size() == message_size);
    r.carrier = key::carrier::icmp;
    BOOST_TEST((row.plan(k, r)->shots.front().kind == packet::kind::echo));
    r.carrier = key::carrier::dns;
    const auto plan = row.plan(k, r);
    BOOST_TEST(plan->shots.front().port == 53);
    const auto asked = packet::dns_question(plan->shots.front().payload);
    BOOST_REQUIRE(asked.has_value());
    BOOST_TEST(asked->view() == plan->text);
    r.open_for = 1500ms; // whole seconds, never fewer than were asked for
    r.carrier = key::carrier::udp;
    message m{};
    std::ranges::copy(row.plan(k, r)->shots.front().payload, m.begin());
    BOOST_TEST(sealer(of(0).psk()).open(m)->open_for == 2u);
    const std::vector<std::uint8_t> nonce(5);
    r.nonce = nonce;
    BOOST_TEST(row.plan(k, r).error().text == "nonce: expected 4 bytes");
}

BOOST_FIXTURE_TEST_CASE(what_is_captured_for_a_key, lab) {
    const auto wants = [&](std::string_view fields) {
        return method::method_of(*key(fields).key).wants(server.keys.back());
    };
    const auto all = wants(all_carriers);
    BOOST_TEST(all.syns.to_string() == "1024-48127");
    const packet::size_range whole{57, 57};
    const std::vector<packet::datagram_wish> datagrams{{*port_set::parse("20000-20003"), whole},
                                                       packet::dns_questions()};
    BOOST_TEST((all.datagrams == datagrams));
    BOOST_TEST((all.echoes == whole));
    const auto udp = wants("ports = 7\n");
    BOOST_TEST(udp.syns.size() == 0u);
    BOOST_TEST((udp.datagrams == std::vector<packet::datagram_wish>{{*port_set::parse("7"), whole}}));
    BOOST_TEST(!udp.echoes);
    BOOST_TEST(method::security_bits(server.keys[0], server) == 128.0);
}

BOOST_FIXTURE_TEST_CASE(memory_that_holds_no_knock_is_refused, lab) {
    key("carrier = ports\nbits = 4\n").mode = config::matching::strict;
    server.knock.memory = 113;
    BOOST_TEST(method::check(server).error().text == "keys of the method sealed: expected [knock] memory of "
                                                     "at least 114, the SYNs of a knock of [key.k0]");
    server.knock.memory = 114;
    BOOST_TEST(method::check(server).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
