#pragma once

#include "exchange.hpp"
#include "timesync/synchroniser.hpp"

#include <algorithm>
#include <map>

using namespace exchanges;
using namespace chronoknock::timesync;

// A shell over a network without a flaw: each answer comes after 20 ms, and each server may lie.
struct lab {
    settings s;
    std::optional<synchroniser> sync;
    instant now{1000s};
    nanoseconds system_lag{0};
    nanoseconds asleep{0};
    std::map<std::size_t, nanoseconds> lies;
    std::map<std::size_t, bool> silent;
    timesync::leap announced = leap::none;
    bool authenticated = false;
    std::map<std::size_t, std::vector<endpoint>> addresses; ///< of a server; else it has one of its own
    std::map<endpoint, nanoseconds> lies_at;
    std::map<endpoint, bool> silent_at;
    nanoseconds lie_after{0}; ///< of all, from a moment of their own time on
    unix_time lie_from = unix_time::max();
    std::vector<std::string> log;
    std::uint64_t draws = 0;
    std::size_t queries = 0;

    explicit lab(std::size_t servers = 3, bool nts = false) {
        for (std::size_t i = 0; i < servers; ++i)
            s.servers.push_back({std::string(1, static_cast<char>('A' + i)), nts});
    }
    void begin() { sync.emplace(s); }
    unix_time truth() const { return boot_moment + now.time_since_epoch(); }
    unix_time system() const { return truth() - system_lag; }
    clock_reading reading() const { return {now, asleep, system()}; }
    void take(outcome o) {
        for (auto& c : o.changes) log.push_back(c.text);
        for (auto& a : o.actions) {
            if (a.what == action::kind::locate) {
                const auto& known = addresses[a.server];
                take(sync->locate(a.server, known.empty() ? std::vector{machine_at(a.server)} : known, now));
                continue;
            }
            ++queries;
            if (silent[a.server] || silent_at[a.to]) continue;
            const auto leapt = truth() >= lie_from ? lie_after : nanoseconds(0);
            auto h = honest(a.transmit, now, 20ms, lies[a.server] + lies_at[a.to] + leapt);
            h.leap = announced;
            take(sync->receive(a.server, encode(h), now, now + 20ms, authenticated));
        }
    }
    void poll() {
        take(sync->poll(reading(), [this] { return draws += 64; }));
    }
    void run(nanoseconds length) {
        const auto end = now + length;
        poll();
        while (sync->next_deadline() < end) {
            now = std::max(now + 20ms, sync->next_deadline());
            poll();
        }
        now = std::max(now, end);
    }
    bool honest_now() const {
        const auto t = sync->now(now);
        return t && std::chrono::abs(t->t - truth()) <= t->error;
    }
    int said(std::string_view part) const {
        return static_cast<int>(std::count_if(log.begin(), log.end(), [&](const std::string& line) {
            return line.find(part) != std::string::npos;
        }));
    }
};
