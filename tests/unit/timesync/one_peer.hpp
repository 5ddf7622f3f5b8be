#pragma once

#include "exchange.hpp"
#include "timesync/peer.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <memory>

using namespace exchanges;
using namespace chronoknock::timesync;

inline const endpoint first{*address::parse("192.0.2.1"), 123};
inline const endpoint second{*address::parse("2001:db8::1"), 123};

struct one_peer {
    settings s;
    std::unique_ptr<peer> p;
    instant now{1000s};
    std::uint64_t draws = 0;
    frequency_estimate f;

    explicit one_peer(bool nts = false) { make(nts); }
    void make(bool nts) { p = std::make_unique<peer>(server_settings{"a", nts}, s); }
    peer::want poll() {
        return p->poll(now, [this] { return draws += 64; });
    }
    /// Sleeps until it wants something.
    peer::want next() {
        for (int i = 0; i < 10; ++i) {
            if (p->deadline() != instant::max()) now = std::max(now, p->deadline());
            if (const auto w = poll(); w != peer::want::nothing) return w;
        }
        return peer::want::nothing;
    }
    void locate(std::vector<endpoint> where = {first}) {
        BOOST_TEST((poll() == peer::want::locate));
        p->locate(std::move(where), now);
    }
    answer reply(ntp_header h, nanoseconds round_trip = 20ms, bool authenticated = false) {
        const exchange x{p->query().value_or(ntp_timestamp{}), now, now + round_trip, authenticated};
        auto a = p->receive(h, x, f, boot_moment);
        now += round_trip;
        return a;
    }
    void answered() {
        BOOST_REQUIRE(p->query().has_value());
        BOOST_TEST(std::holds_alternative<sample>(reply(honest(*p->query(), now))));
    }
    /// A kiss, and nothing better until the query is over.
    void kissed(const char* code) {
        reply(kissing(*p->query(), code));
        now = std::max(now, p->deadline());
        poll();
    }
    void become_steady() {
        locate();
        for (int i = 0; i < 4; ++i) {
            BOOST_TEST((next() == peer::want::send));
            answered();
        }
        BOOST_TEST((p->state() == peer_state::steady));
        p->take_news();
    }
    void lose_all(int n) {
        for (int i = 0; i < n; ++i) {
            if (next() != peer::want::locate) continue;
            p->locate({first}, now);
            BOOST_TEST((next() == peer::want::send));
        }
    }
};
