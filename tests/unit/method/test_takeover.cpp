// One verifier takes the place of another, with what that remembers.
#include "fixture.hpp"
#include "method/sealed/key.hpp"
#include "method/sealed/layout.hpp"
#include "method/sealed/request.hpp"
#include "method/static/key.hpp"
#include "method/verifier_set.hpp"

#include <algorithm>

using namespace chronoknock;
using namespace chronoknock::time_sequence;

namespace {

struct change : lab {
    std::unique_ptr<method::verifier_set> make_set(const config::server& c,
                                                   const method::verifier_set* before = nullptr) {
        return std::make_unique<method::verifier_set>(
            method::verifiers({c, {}, {++seed, 2, 3, 4}, [this](const address&) { return known; }}, before));
    }
    /// That of a configuration, in the place of one that goes on working until its windows are up.
    std::unique_ptr<method::verifier_set> follow(std::unique_ptr<method::verifier_set> before,
                                                 const config::server& c) {
        auto next = make_set(c, before.get());
        while (!next->advance(now, time(), 1)) observe(*before, ip(99), 9999);
        next->take_over(*before);
        return next;
    }
    time_estimate time() const { return {clock(now), nanoseconds(0)}; }
    void observe(method::verifier_set& v, const address& who, std::uint16_t port,
                 packet::kind kind = packet::kind::syn) {
        auto e = syn(who, 40000, port, ++tcp_sequence);
        e.kind = kind;
        v.observe(e, now);
    }
    std::vector<granting::claim> batch(method::verifier_set& v, const address& who,
                                       std::span<const std::uint16_t> ports) {
        v.advance(now, time(), ~std::size_t{0});
        for (const auto port : ports) observe(v, who, port);
        return v.end_batch(now);
    }
    static config::key_settings fixed_key(const std::string& text, config::matching mode) {
        config::key_settings k;
        k.name = "fixed";
        k.key = *fixed::read_sequences(text);
        k.services = {0};
        k.mode = mode;
        return k;
    }

    static config::key_settings sealed_key() {
        config::key_settings k;
        k.name = "sealed";
        k.key = *method::read_key("method = sealed\nsecret = " + std::string(32, 'a') +
                                  "\ncarrier = ports\nports = 20000-20003\n");
        k.services = {0};
        k.for_others = true;
        return k;
    }
    /// A knock of that key's.
    std::vector<std::uint16_t> sealed_ports() const {
        const auto k = sealed_key();
        const auto& of = sealed::credential_of(k);
        sealed::request r;
        r.time = to_seconds(clock(now));
        return sealed::ports_of(*sealed::sealer(of.psk()).seal(r), of.settings().layout);
    }

    instant now = at(1);
    std::uint64_t seed = 0;
    bool known = false;
};

using ports = std::vector<std::uint16_t>;

} // namespace

BOOST_FIXTURE_TEST_CASE(a_knock_half_seen_is_completed, change) {
    const auto all = sequence(0, ip(1), epoch);
    auto v = make_set(server);
    BOOST_TEST(batch(*v, ip(1), std::span(all).first(8)).empty());
    const auto tracked = v->count("tracked");
    const auto same = server;
    v = follow(std::move(v), same);
    BOOST_TEST(v->count("tracked") >= tracked);
    const auto found = batch(*v, ip(1), std::span(all).subspan(8));
    BOOST_REQUIRE(found.size() == 1u);
    BOOST_TEST(found[0].key == 0u);
}

BOOST_FIXTURE_TEST_CASE(keys_may_have_other_places_and_be_new, change) {
    const auto alices = sequence(0, ip(1), epoch);
    auto v = make_set(server);
    auto next = server;
    next.keys.insert(next.keys.begin(), key("bob", 2));
    server.keys.push_back(next.keys[0]);
    const auto bobs = sequence(1, ip(2), epoch);
    server.keys.pop_back();
    batch(*v, ip(1), std::span(alices).first(15)); // all but the last: its missing port is in a hint
    batch(*v, ip(2), std::span(bobs).first(8));    // with his selector, which was none then
    v = follow(std::move(v), next);
    auto found = batch(*v, ip(1), std::span(alices).subspan(15));
    BOOST_REQUIRE(found.size() == 1u);
    BOOST_TEST(found[0].key == 1u);
    found = batch(*v, ip(2), std::span(bobs).subspan(8));
    BOOST_REQUIRE(found.size() == 1u);
    BOOST_TEST(found[0].key == 0u);
}

BOOST_FIXTURE_TEST_CASE(who_was_looked_at_is_looked_at_again_for_new_keys, change) {
    const auto alices = sequence(0, ip(1), epoch);
    auto v = make_set(server);
    auto next = server;
    next.keys.push_back(key("bob", 2));
    server.keys.push_back(next.keys[1]);
    const auto bobs = sequence(1, ip(1), epoch);
    server.keys.pop_back();
    batch(*v, ip(1), std::span(alices).first(12)); // it waits for alice's next port
    batch(*v, ip(1), std::span(bobs).first(12));
    v = follow(std::move(v), next);
    std::size_t found = 0;
    for (const auto port : std::span(bobs).subspan(12)) found += batch(*v, ip(1), ports{port}).size();
    BOOST_TEST(found == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_key_that_is_gone_opens_nothing, change) {
    const auto all = sequence(0, ip(1), epoch);
    auto v = make_set(server);
    batch(*v, ip(1), std::span(all).first(15));
    auto next = server;
    next.keys = {key("bob", 2)};
    v = follow(std::move(v), next);
    BOOST_TEST(batch(*v, ip(1), std::span(all).subspan(15)).empty());
}

BOOST_FIXTURE_TEST_CASE(who_waits_for_his_ration_keeps_his_place, change) {
    server.knock.tracked = 4096;
    for (std::uint32_t k = 1; k < 40; ++k)
        server.keys.push_back(key("k" + std::to_string(k), std::uint8_t(k + 1)));
    for (auto& k : server.keys) static_cast<credential&>(*k.key).psk().digest = "sha512";
    for (auto& k : server.keys) {
        auto& p = static_cast<credential&>(*k.key).psk();
        p.hmac = false; // each of them is derived for each address
        p.length = 16;
    }
    auto v = make_set(server);
    v->advance(now, time(), ~std::size_t{0});
    std::vector<granting::claim> found;
    const auto take = [&](std::vector<granting::claim> some) {
        std::ranges::move(some, std::back_inserter(found));
    };
    for (std::uint32_t n = 1; n <= 300; ++n)
        for (const auto port : sequence(n % 40, ip(n), epoch)) observe(*v, ip(n), port);
    take(v->end_batch(now));
    BOOST_TEST(v->waiting());
    BOOST_TEST(found.size() < 300u);
    const auto next = server;
    v = follow(std::move(v), next);
    BOOST_TEST(v->waiting());
    for (int ms = 0; ms < 2000 && v->waiting(); ++ms) {
        now += milliseconds(1);
        v->advance(now, time(), ~std::size_t{0});
        take(v->end_batch(now));
    }
    BOOST_TEST(found.size() == 300u);
}

BOOST_FIXTURE_TEST_CASE(another_setting_of_the_table_makes_another_one, change) {
    const auto all = sequence(0, ip(1), epoch);
    auto v = make_set(server);
    const auto bytes = v->count("tracker_bytes");
    batch(*v, ip(1), std::span(all).first(8));
    auto next = server;
    next.knock.tracked *= 2;
    v = follow(std::move(v), next);
    BOOST_TEST(v->count("tracker_bytes") == bytes + 64 * (64 + 8)); // both have the smallest pool
    BOOST_TEST(batch(*v, ip(1), std::span(all).subspan(8)).empty());
    BOOST_TEST(batch(*v, ip(1), all).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(no_second_table_is_made, change) {
    server.keys.push_back(sealed_key());
    server.keys.push_back(fixed_key("5000,5001,5002", config::matching::set));
    const auto v = make_set(server);
    BOOST_TEST(v->count("tracker_bytes") > 1u << 20);
    const auto next = make_set(server, v.get());
    const auto places = [](const method::verifier_set& of) {
        std::vector<const std::byte*> all;
        for (const auto& table : of.tables())
            if (!table.empty()) all.push_back(table.data());
        return all;
    };
    BOOST_TEST(places(*next).size() > 3u);
    // But for the hints, which are of lines that may have other numbers: they go over.
    for (const auto* const place : places(*next)) BOOST_TEST(std::ranges::count(places(*v), place) == 1);
}

BOOST_FIXTURE_TEST_CASE(sealed_knocks_keep_what_is_remembered_beside_the_same_methods, change) {
    const auto ports = sealed_ports();
    const auto half = std::span(ports).first(ports.size() / 2), rest = std::span(ports).subspan(half.size());
    server.keys.push_back(sealed_key());
    auto v = make_set(server);
    BOOST_TEST(batch(*v, ip(1), half).empty());
    const auto same = server;
    v = follow(std::move(v), same);
    BOOST_TEST(batch(*v, ip(1), rest).size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(sealed_knocks_open_whatever_methods_come_and_go, change) {
    const auto ports = sealed_ports();
    const auto alices = server.keys;
    const auto both = [&] {
        auto keys = alices;
        keys.push_back(sealed_key());
        return keys;
    };
    std::unique_ptr<method::verifier_set> v;
    std::vector<config::server> all(6, server);
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].keys = i % 3 == 0 ? std::vector{sealed_key()} : i % 3 == 1 ? both() : alices;
        const auto knock = sealed_ports();
        const auto half = std::span(knock).first(knock.size() / 2);
        const bool knocked = v && v->of(sealed::credential::name);
        if (knocked) BOOST_TEST(batch(*v, ip(1), half).empty());
        v = v ? follow(std::move(v), all[i]) : make_set(all[i]);
        // Half of it came before, if there was who sees it.
        const auto rest = knocked ? std::span(knock).subspan(half.size()) : std::span(knock);
        BOOST_TEST(batch(*v, ip(1), rest).size() == (i % 3 == 2 ? 0u : 1u));
        now += seconds(20);
        // More than there are places: none of them may be kept by who has gone.
        for (std::uint32_t n = 2; n < 200; ++n) batch(*v, ip(n), std::span(ports).first(2));
    }
}

BOOST_FIXTURE_TEST_CASE(fixed_sequences_keep_what_is_remembered_though_others_come_and_go, change) {
    for (const auto mode : {config::matching::set, config::matching::strict}) {
        server.keys = {fixed_key("5000,5001,5002", mode), fixed_key("7000,7001,7002", mode)};
        auto v = make_set(server);
        BOOST_TEST(batch(*v, ip(1), ports{7000, 7001}).empty());
        auto next = server;
        next.keys = {fixed_key("6000,6001,6002", mode), fixed_key("7000,7001,7002", mode)};
        v = follow(std::move(v), next);
        BOOST_TEST(batch(*v, ip(1), ports{5001}).empty()); // in no sequence any more: breaks none
        BOOST_TEST(batch(*v, ip(1), ports{7002}).size() == 1u);
        BOOST_TEST(batch(*v, ip(1), ports{6000, 6001, 6002}).size() == 1u);
        BOOST_TEST(batch(*v, ip(1), ports{5000, 5001, 5002}).empty());
    }
}

BOOST_FIXTURE_TEST_CASE(numbers_of_ports_that_are_used_up_begin_anew, change) {
    const auto pads = [](std::uint32_t first, packet::kind kind) {
        std::string text;
        for (std::uint32_t port = first; port < first + 30000; port += 2)
            for (const auto p : {port, port + 1})
                text += (kind == packet::kind::datagram ? "udp/" : "") + std::to_string(p) +
                        (p == port                  ? ","
                         : port + 2 < first + 30000 ? ";"
                                                    : "");
        return text;
    };
    std::unique_ptr<method::verifier_set> v;
    std::vector<config::server> all(4, server);
    std::uint32_t n = 0;
    for (auto& c : all) {
        const auto kind = n % 2 == 0 ? packet::kind::syn : packet::kind::datagram;
        const std::uint32_t first = 1000 + n / 2 * 30000;
        std::string text = pads(first, kind);
        c.keys.clear();
        // A pad holds so many sequences at the most.
        for (std::size_t from = 0; from < text.size();) {
            std::size_t end = from;
            for (int k = 0; k < 1000 && end != text.npos; ++k) end = text.find(';', end + 1);
            c.keys.push_back(
                fixed_key(text.substr(from, end == text.npos ? end : end - from), config::matching::set));
            from = end == text.npos ? text.size() : end + 1;
        }
        auto next = make_set(c, v.get());
        if (v) next->take_over(*v);
        v = std::move(next);
        for (const auto port : {first, first + 1}) observe(*v, ip(1), static_cast<std::uint16_t>(port), kind);
        BOOST_TEST(v->end_batch(now).size() == 1u);
        ++n;
    }
}
