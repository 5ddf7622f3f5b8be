#include "world.hpp"

#include "exchange.hpp"

#include <algorithm>
#include <cmath>

namespace simulation {
namespace {

using namespace timesync;

constexpr double rtc_error = 1.0; // of the boot clock over a sleep, seconds

struct arrival {
    instant at;
    std::size_t server;
    instant sent;
    std::array<std::uint8_t, ntp_header_size> bytes;
};

class world {
public:
    world(std::uint64_t seed, const options& o) : o_(o), random_(seed) {
        boot_ = instant(from_seconds(uniform(1, 1e7)));
        frequency_ = uniform(-50e-6, 50e-6);
        settings s;
        const double colluded = lie_size();
        for (std::size_t i = 0; i < o.servers; ++i) {
            s.servers.push_back({"s" + std::to_string(i), false});
            servers_.push_back(make_server(i < o.liars, colluded));
        }
        sync_.emplace(s);
        sleep_at_ = o.sleeps ? uniform(0.2, 0.8) * seconds_of(o.length) : 1e18;
        outage_from_ = o.outage ? uniform(0.1, 0.6) * seconds_of(o.length) : 1e18;
        outage_to_ = outage_from_ + uniform(600, 5 * 3600);
    }

    tally run() {
        auto timer = boot_;
        auto tick = boot_;
        while (true_ < seconds_of(o_.length)) {
            const auto next_answer = std::min_element(answers_.begin(), answers_.end(),
                                                      [](auto& a, auto& b) { return a.at < b.at; });
            const auto answer_at = next_answer == answers_.end() ? instant::max() : next_answer->at;
            if (answer_at <= std::min(timer, tick)) {
                const auto a = *next_answer;
                answers_.erase(next_answer);
                advance(a.at);
                take(sync_->receive(a.server, a.bytes, a.sent, boot_, false));
                timer = sync_->next_deadline();
            } else if (timer <= tick) {
                advance(timer);
                take(sync_->poll({boot_, asleep_, system()}, [&] { return random_(); }));
                timer = sync_->next_deadline();
            } else {
                advance(tick);
                tick += 10min;
                if (const auto t = sync_->now(boot_))
                    tally_.errors.push_back(static_cast<float>(seconds_of(t->error)));
            }
            check();
            if (true_ >= sleep_at_) {
                const auto left = timer - boot_; // timers stand still in sleep
                sleep();
                timer = boot_ + left;
                tick = std::max(tick, boot_);
                check();
            }
        }
        tally_.last = sync_->report(boot_, system());
        tally_.end_truth = truth();
        return std::move(tally_);
    }

private:
    static double seconds_of(nanoseconds d) { return std::chrono::duration<double>(d).count(); }
    double uniform(double a, double b) { return std::uniform_real_distribution<double>(a, b)(random_); }
    double sign() { return random_() & 1 ? 1.0 : -1.0; }

    // From just beside the truth, where it hurts most, to a day.
    double lie_size() { return sign() * std::pow(10.0, uniform(-2.5, 5)); }

    server make_server(bool liar, double colluded) {
        server s;
        s.there = std::pow(10.0, uniform(-3.5, -1));
        s.back = std::pow(10.0, uniform(-3.5, -1));
        s.jitter = std::pow(10.0, uniform(-4, -1.7));
        s.loss = uniform(0, 0.2);
        s.root_delay = uniform(0, 0.02);
        s.root_dispersion = uniform(0.0001, 0.01);
        s.phase = uniform(0, 6);
        if (!liar) return s;
        s.how = std::array{lie::constant, lie::drifting, lie::colluding}[random_() % 3];
        s.offset = s.how == lie::colluding ? colluded : lie_size();
        s.rate = sign() * std::pow(10.0, uniform(-6, -2));
        s.from = random_() % 2 ? 0 : uniform(0, seconds_of(o_.length));
        if (random_() % 2) s.root_delay = s.root_dispersion = 0; // and boasts
        return s;
    }

    unix_time truth() const { return o_.start + from_seconds(true_); }
    unix_time system() const { return unix_time(boot_.time_since_epoch() + system_offset_); }

    // The oscillator wanders by up to half a ppm each minute, within 50 ppm.
    void advance(instant to) {
        while (boot_ < to) {
            const auto part =
                std::min<nanoseconds>(to - boot_, std::max<nanoseconds>(wander_at_ - boot_, 1ns));
            boot_ += part;
            true_ += seconds_of(part) * (1 + frequency_);
            if (boot_ < wander_at_) continue;
            wander_at_ = boot_ + 1min;
            frequency_ = std::clamp(frequency_ + uniform(-0.5e-6, 0.5e-6), -50e-6, 50e-6);
        }
    }

    void sleep() {
        const double length = uniform(60, 10 * 3600);
        sleep_at_ = 1e18;
        true_ += length;
        const auto counted = from_seconds(length + uniform(-rtc_error, rtc_error));
        boot_ += counted;
        asleep_ += counted;
        wander_at_ = boot_;
        answers_.clear();
    }

    void take(outcome o) {
        for (const auto& c : o.changes)
            tally_.steps += c.text.find("clock stepped") != std::string::npos ? 1 : 0;
        for (const auto& a : o.actions) {
            if (a.what == action::kind::send)
                ask(a);
            else
                take(sync_->locate(a.server, {exchanges::machine_at(a.server)}, boot_));
        }
    }

    void ask(const action& a) {
        ++tally_.queries;
        const auto& s = servers_[a.server];
        if (uniform(0, 1) < s.loss || (true_ > outage_from_ && true_ < outage_to_)) return;
        std::exponential_distribution<double> more(1 / s.jitter);
        const double there = s.there + more(random_);
        const double held = uniform(0, 0.0005);
        const double back = s.back + more(random_);
        const auto server_time = [&](double after) {
            return to_ntp(truth() + from_seconds(after + s.error_at(true_ + after)));
        };
        ntp_header h;
        h.mode = ntp_mode::server;
        h.stratum = 2;
        h.precision = -20;
        h.root_delay = from_seconds(s.root_delay);
        h.root_dispersion = from_seconds(s.root_dispersion);
        h.origin = a.transmit;
        h.receive = server_time(there);
        h.transmit = server_time(there + held);
        answers_.push_back({boot_ + from_seconds((there + held + back) / (1 + frequency_)) + 1ns, a.server,
                            boot_, encode(h)});
    }

    void check() {
        ++tally_.checks;
        take(sync_->observe({boot_, asleep_, system()}));
        const auto t = sync_->now(boot_);
        if (!t) return;
        ++tally_.with_time;
        const auto off = std::chrono::abs(t->t - truth()) - t->error;
        if (off <= 0ns) return;
        ++tally_.violations;
        tally_.worst = std::max<nanoseconds>(tally_.worst, off);
    }

    options o_;
    std::mt19937_64 random_;
    std::vector<server> servers_;
    std::optional<synchroniser> sync_;
    std::vector<arrival> answers_;
    instant boot_{};
    instant wander_at_{};
    nanoseconds asleep_ = 0ns;
    double true_ = 0; // seconds since the start
    double frequency_ = 0;
    nanoseconds system_offset_ = 0ns;
    double sleep_at_ = 0;
    double outage_from_ = 0;
    double outage_to_ = 0;
    tally tally_;
};

} // namespace

double server::error_at(double t) const {
    if (how == lie::none || t < from)
        return (root_delay / 2 + root_dispersion) * 0.999 * std::sin(phase + t / 5000);
    if (how == lie::drifting) return rate * (t - from);
    return offset;
}

tally run(std::uint64_t seed, const options& o) { return world(seed, o).run(); }

} // namespace simulation
