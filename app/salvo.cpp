#include "app/salvo.hpp"

#include "io/client/dialogue.hpp"
#include "io/system/random.hpp"

#include <algorithm>
#include <memory>
#include <sys/eventfd.h>
#include <thread>

namespace chronoknock::app {

namespace {

// Where the server takes one knock alone, whichever address it comes from, it is to be that of the way that
// other programs try first.
constexpr auto behind_first = std::chrono::milliseconds(10);

/// One knock of several that are sent at the same time.
struct shipment {
    way by;
    key::secret_bytes random = {};
    method::knock_request request = {};
    io::knock_order order = {};
    std::vector<io::descriptor> tries = {};
    std::uint32_t sent = 0;
    std::optional<result<io::knock_report>> report = {};
};

/// Readies what one way sends.
result<void> load(shipment& s, const order& o, std::int64_t at, std::uint16_t port, nanoseconds limit,
                  int end) {
    auto random = io::random_secret(32); // two messages that are alike are a knock and its replay
    if (!random) return random.error();
    s.random = std::move(*random);
    s.request = o.request;
    s.request.source = s.by.source;
    s.request.at = at;
    if (s.by.pair) s.request.beneficiary = s.by.pair;
    s.request.random = s.random;
    auto plan = method::method_of(*o.key).plan(*o.key, s.request);
    if (!plan) return plan.error();
    s.order.to = s.by.to;
    s.order.via = o.resolver;
    s.order.bind = s.by.bind;
    s.order.shots = std::move(plan->shots);
    s.order.pace.gap = o.profile.gap;
    if (o.profile.rounds != 0) s.order.pace.least = s.order.pace.most = o.profile.rounds;
    s.order.wait_port = port;
    s.order.wait_limit = limit;
    s.order.end = end;
    return {};
}

void warn_of_the_last(const key::credential& k, std::int64_t number) {
    const auto left = k.numbers_left(number);
    if (left && *left >= 0 && *left < key::few_left)
        tell(std::to_string(*left) + " one-time passwords are left: make a new key before they are used up");
}

void send(shipment& s, const key::credential& k, int end) {
    const auto respond = method::method_of(k).respond;
    s.report =
        respond ? io::send_dialogue(
                      s.order, [&](auto answer) { return respond(k, s.request, answer); }, std::move(s.tries))
                : io::send_knock(s.order, &s.sent, std::move(s.tries));
    if (*s.report && (*s.report)->opened_after) ::eventfd_write(end, 1);
}

} // namespace

std::vector<sent_knock> send_knocks(const order& o, const std::vector<way>& ways, const turns& t,
                                    turn_taker& taker, std::uint16_t port, nanoseconds limit,
                                    std::vector<io::descriptor> tries) {
    const io::descriptor end(::eventfd(0, EFD_CLOEXEC));
    std::vector<std::unique_ptr<shipment>> shipments;
    for (std::size_t i = 0; i < ways.size(); ++i) {
        if (!t.at[i]) continue;
        if (shipments.empty()) warn_of_the_last(*o.key, *t.at[i]);
        auto s = std::make_unique<shipment>(shipment{ways[i]});
        if (const auto loaded = load(*s, o, *t.at[i], port, limit, end.get()); !loaded) {
            taker.give_back();
            throw stop{say(failed, loaded.error().text)};
        }
        shipments.push_back(std::move(s));
    }
    shipments.front()->tries = std::move(tries);
    const bool one_counts = o.key->numbered() || !o.key->heeds_address();
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 1; i < shipments.size(); ++i)
            threads.emplace_back([&, s = shipments[i].get()] {
                if (one_counts) std::this_thread::sleep_for(behind_first);
                send(*s, *o.key, end.get());
            });
        send(*shipments.front(), *o.key, end.get());
    }
    std::vector<sent_knock> all;
    for (auto& s : shipments)
        if (*s->report)
            all.push_back(
                {s->by, std::move(**s->report),
                 std::ranges::all_of(s->order.shots,
                                     [](const client::shot& shot) { return shot.kind == packet::kind::syn; }),
                 t.clock_error});
    if (all.empty()) {
        if (std::ranges::all_of(shipments, [](const auto& s) { return s->sent == 0; }) &&
            !method::method_of(*o.key).respond)
            taker.give_back();
        throw stop{say(failed, shipments.front()->report->error().text)};
    }
    return all;
}

std::string in_words(const order& o, const sent_knock& k) {
    const auto count = [](std::uint32_t n, const std::string& name) {
        return std::to_string(n) + " " + name + (n == 1 ? "" : "s");
    };
    return "knocked on " + k.by.to.ip.to_string() +
           (o.resolver ? " through " + o.resolver->ip.to_string() : " from " + k.by.source.to_string()) +
           (k.by.pair ? " for that and " + k.by.pair->to_string() : "") + ": " +
           count(k.report.syns, k.syns_alone ? "SYN" : "packet") + " in " + count(k.report.rounds, "round");
}

} // namespace chronoknock::app
