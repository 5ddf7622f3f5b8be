// The real verifier of time-sequence beside a plain one that was written from chronoknock-protocol(7)
// (plain_verifier.hpp): whatever sources send, both find the same.
#include "fixture.hpp"
#include "plain_verifier.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <random>
#include <set>

using namespace chronoknock;
using namespace chronoknock::time_sequence;

namespace {

constexpr std::size_t memory = 9;                    // less than come within the timeout
constexpr nanoseconds timeout = milliseconds(4'025); // no SYN is just so old: they come each some 50 ms
const std::vector<std::string> service_names = {"ssh", "vpn", "web"};

/// Small pools and short sequences, so that chance completes many, alone and with each other.
std::vector<plain::key> some_keys() {
    const auto pool = [](std::uint16_t first, std::uint16_t last) {
        std::vector<std::uint16_t> p(last - first + 1u);
        std::iota(p.begin(), p.end(), first);
        return p;
    };
    return {
        {.digest = "sha256",
         .secret = plain::bytes(16, 1),
         .g = 3,
         .n = 4,
         .pool = pool(2000, 2031),
         .services = {"ssh"}},
        {.digest = "sha512",
         .realm = "fleet",
         .secret = plain::bytes(32, 2),
         .g = 5,
         .n = 3,
         .pool = pool(2016, 2047),
         .strict = true,
         .services = {"ssh", "vpn"}},
        {.digest = "sha256",
         .hmac = false,
         .secret = plain::bytes(16, 3),
         .g = 2,
         .n = 4,
         .pool = pool(2000, 2023)},
        {.digest = "blake2s256",
         .secret = plain::bytes(20, 4),
         .g = 4,
         .n = 5,
         .pool = pool(2008, 2055),
         .ignores_ip = true,
         .services = {"web"}},
        {.digest = "sha1",
         .hmac = false,
         .secret = plain::bytes(16, 5),
         .g = 7,
         .n = 3,
         .pool = pool(2000, 2023),
         .strict = true},
    };
}

config::server server_of(const std::vector<plain::key>& keys) {
    config::server s;
    for (const auto& name : service_names)
        s.services.push_back({name, {*endpoint_range::parse("tcp/22")}, seconds(30), 0});
    s.knock.tracked = 64;
    s.knock.memory = memory;
    s.knock.timeout = timeout;
    for (const auto& k : keys) {
        config::key_settings c;
        c.name = "k" + std::to_string(s.keys.size());
        key::psk psk;
        psk.digest = k.digest;
        psk.hmac = k.hmac;
        psk.realm = k.realm;
        psk.secret.assign(k.secret.begin(), k.secret.end());
        psk.granularity = static_cast<std::uint32_t>(k.g);
        psk.length = static_cast<std::uint32_t>(k.n);
        psk.ports = port_set({{k.pool.front(), k.pool.back()}});
        psk.ignore_ip = k.ignores_ip;
        c.key = std::make_shared<credential>(std::move(psk));
        c.mode = k.strict ? config::matching::strict : config::matching::set;
        for (std::uint32_t i = 0; i < service_names.size(); ++i)
            if (!k.hmac || std::ranges::find(k.services, service_names[i]) != k.services.end())
                c.services.push_back(i);
        s.keys.push_back(std::move(c));
    }
    return s;
}

/// Both of them, and somebody who sends.
class race {
public:
    explicit race(unsigned seed) : random_(seed) {}

    void run(std::size_t syns) {
        for (std::size_t i = 0; i < syns; ++i) {
            now_ += milliseconds(50) * (1 + below(chance(0.02) ? 60 : 3));
            if (chance(0.01)) error_ = milliseconds(10) * (1 + below(90)); // the next answer of a time server
            const auto who = source(below(4));
            step(who, next(who));
        }
    }
    std::size_t in_time() const { return in_time_; }
    std::size_t late() const { return late_; }
    std::size_t together() const { return together_; }
    std::size_t missed() const { return missed_; }

private:
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
    bool chance(double p) { return std::uniform_real_distribution()(random_) < p; }
    /// Of both families.
    static address source(std::uint32_t n) {
        if (n % 2 == 0) return lab::ip(1 + n);
        std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
        bytes.back() = static_cast<std::uint8_t>(n);
        return address::v6(bytes);
    }
    nanoseconds clock() const { return seconds(lab::epoch) + now_; }

    /// The next port of a sequence that the source is at, or one out of order, repeated, or of chance.
    plain::syn next(const address& who) {
        auto& at = progress_[who.to_string()];
        if (at.left.empty()) {
            const auto all =
                model_.live(clock() - nanoseconds(chance(0.2) ? seconds(below(20)) : seconds(0)), error_);
            const auto& name = all[below(static_cast<std::uint32_t>(all.size()))];
            at.left = model_.ports(who, name);
            if (!keys_[std::get<0>(name)].strict && chance(0.5)) std::ranges::shuffle(at.left, random_);
        }
        if (at.last && chance(0.05)) { // sent again, by TCP
            auto again = *at.last;
            again.at = now_;
            return again;
        }
        auto port = static_cast<std::uint16_t>(1995 + below(66));
        if (chance(0.9)) {
            port = at.left.front();
            at.left.erase(at.left.begin());
        }
        at.last = plain::syn{static_cast<std::uint16_t>(40000 + below(1000)), port, ++sequence_, now_};
        return *at.last;
    }

    void step(const address& who, const plain::syn& s) {
        const instant now{now_};
        real_.advance(now, {unix_time{clock()}, error_}, ~std::size_t{0});
        auto e = lab::syn(who, s.source_port, s.port, s.sequence);
        real_.observe(e, now);
        const auto found = real_.end_batch(now);
        BOOST_REQUIRE(!real_.waiting());

        std::set<plain::sequence_name> names;
        std::vector<plain::sequence_name> used;
        const bool counts = model_.observe(who, s);
        for (const auto& m : found) {
            const auto name = name_of(m);
            const auto began = counts ? model_.complete(who, name) : std::nullopt;
            BOOST_REQUIRE_MESSAGE(began, "found, and is not complete: " << told(name));
            BOOST_REQUIRE(m.who == who);
            BOOST_REQUIRE(std::chrono::abs(m.first.time_since_epoch() - *began) < milliseconds(25));
            BOOST_REQUIRE(names.insert(name).second);
            used.push_back(name);
        }
        std::size_t timely = 0;
        if (counts)
            for (const auto& name : model_.live(clock(), error_))
                if (const auto began = model_.complete(who, name);
                    began && model_.in_time(name, clock() - (now_ - *began), error_)) {
                    if (!names.contains(name) && may_be_taken_for_retransmission(who, name)) {
                        ++missed_;
                        continue;
                    }
                    BOOST_REQUIRE_MESSAGE(names.contains(name),
                                          "complete and in time, and not found: " << told(name));
                    ++timely;
                }
        in_time_ += timely;
        late_ += names.size() - timely;
        together_ += timely > 1;
        model_.use_up(who, used);
    }

    /// The server remembers 16 bits of source port and TCP sequence number: two SYNs to the port that occurs
    /// twice in a strict sequence are taken for one with a chance of 1/65536.
    bool may_be_taken_for_retransmission(const address& who, const plain::sequence_name& name) {
        auto ports = model_.ports(who, name);
        std::ranges::sort(ports);
        return keys_[std::get<0>(name)].strict && std::ranges::adjacent_find(ports) != ports.end();
    }

    static plain::sequence_name name_of(const match& m) {
        const auto s = m.id.service;
        return {m.id.key, s == sequence_id::all_services ? "" : service_names[s], m.t0};
    }
    static std::string told(const plain::sequence_name& name) {
        return "key " + std::to_string(std::get<0>(name)) + ", service '" + std::get<1>(name) + "', t0 " +
               std::to_string(std::get<2>(name));
    }

    struct under_way {
        std::vector<std::uint16_t> left;
        std::optional<plain::syn> last;
    };
    nanoseconds error_ = milliseconds(310);
    std::mt19937 random_;
    std::vector<plain::key> keys_ = some_keys();
    config::server server_ = server_of(keys_);
    plain::verifier model_{keys_, {memory, timeout}};
    matcher real_ = make();
    nanoseconds now_ = seconds(1);
    std::uint32_t sequence_ = 0;
    std::map<std::string, under_way> progress_;
    std::size_t in_time_ = 0, late_ = 0, together_ = 0, missed_ = 0;

    matcher make() {
        std::vector<std::uint32_t> all(server_.keys.size());
        std::iota(all.begin(), all.end(), 0u);
        return {server_, all, {1, 2, 3, 4}, [](const address&) { return false; }};
    }
};

} // namespace

/// CHRONOKNOCK_MODEL_RUNS=N: more of them.
BOOST_AUTO_TEST_CASE(the_verifier_finds_what_the_protocol_page_says) {
    const char* const runs = std::getenv("CHRONOKNOCK_MODEL_RUNS");
    std::size_t in_time = 0, late = 0, together = 0, missed = 0;
    for (unsigned seed = 1; seed <= (runs ? std::stoul(runs) : 8); ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            race r(seed);
            r.run(2500);
            in_time += r.in_time();
            late += r.late();
            together += r.together();
            missed += r.missed();
        }
    }
    BOOST_TEST_MESSAGE(in_time << " sequences complete in time, " << late << " besides, " << together
                               << " times two at once");
    BOOST_TEST(in_time > 500);
    BOOST_TEST(late > 0);
    BOOST_TEST(together > 0);
    BOOST_TEST(missed <= in_time / 2000);
}
