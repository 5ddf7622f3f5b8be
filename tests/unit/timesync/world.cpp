#include "world.hpp"

#include "exchange.hpp"

#include <algorithm>
#include <cmath>
#include <map>

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
        s.local_interval = 8s;
        const double colluded = lie_size();
        for (std::size_t i = 0; i < o.servers; ++i) {
            s.servers.push_back({"s" + std::to_string(i), false});
            servers_.push_back(make_server(i < o.liars, colluded));
        }
        sync_.emplace(s);
        sleep_at_ = o.sleeps ? uniform(0.2, 0.8) * seconds_of(o.length) : 1e18;
        for (int i = 0; i < o.naps; ++i) naps_.push_back(uniform(0.05, 0.95) * seconds_of(o.length));
        for (int i = 0; i < o.pauses; ++i) pauses_.push_back(uniform(0.05, 0.95) * seconds_of(o.length));
        if (o.slewed) slew_ = sign() * std::pow(10.0, uniform(-5, -2.2));
        system_offset_ = o.start - unix_time(boot_.time_since_epoch());
        if (o.ramps) ramp_from_ = uniform(0.1, 0.8) * seconds_of(o.length);
        if (o.leap != 0) {
            const auto month = std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(o.start));
            const std::chrono::sys_days next = (month.year() / month.month() + std::chrono::months(1)) / 1;
            leap_at_ = seconds_of(next - o.start) - (o.leap < 0 ? 1 : 0);
        }
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
            const bool pauses = take_one(pauses_);
            const bool naps = take_one(naps_);
            if (true_ >= sleep_at_ || naps || pauses) {
                const auto left = timer - boot_; // timers stand still in sleep
                if (pauses)
                    pause();
                else
                    sleep(naps ? std::pow(10.0, uniform(0, 4)) : uniform(60, 10 * 3600));
                timer = boot_ + left;
                tick = std::max(tick, boot_);
                check();
                timer = std::min(timer, sync_->next_deadline());
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

    /// Whether the time of one has come, which is then gone.
    bool take_one(std::vector<double>& moments) {
        return std::erase_if(moments, [&](double m) { return true_ >= m; }) > 0;
    }

    server make_server(bool liar, double colluded) {
        server s;
        s.there = std::pow(10.0, uniform(-3.5, -1));
        s.back = std::pow(10.0, uniform(-3.5, -1));
        s.jitter = std::pow(10.0, uniform(-4, -1.7));
        s.loss = uniform(0, 0.2);
        s.root_delay = uniform(0, 0.02);
        s.root_dispersion = uniform(0.0001, 0.01);
        s.phase = uniform(0, 6);
        if (o_.wan > 0) {
            s.there = s.back = s.jitter = o_.wan;
            s.loss = s.root_delay = 0;
            s.root_dispersion = 0.0001;
        }
        if (!liar) return s;
        s.how = std::array{lie::constant, lie::drifting, lie::colluding}[random_() % 3];
        s.offset = s.how == lie::colluding ? colluded : lie_size();
        s.rate = sign() * std::pow(10.0, uniform(-6, -2));
        s.from = random_() % 2 ? 0 : uniform(0, seconds_of(o_.length));
        if (o_.adaptive) s.how = lie::adaptive, s.from = 0;
        if (o_.smears) s.how = lie::smearing;
        if (random_() % 2) s.root_delay = s.root_dispersion = 0; // and boasts
        return s;
    }

    unix_time truth() const { return truth_at(true_); }
    unix_time truth_at(double t) const {
        return o_.start + from_seconds(t) - (t >= leap_at_ ? o_.leap * seconds(1) : 0s);
    }
    // What a server's clock says, by its own lights.
    unix_time shown_at(const server& s, double t) const {
        if (s.how == lie::smearing)
            return o_.start + from_seconds(t - o_.leap * std::clamp((t - leap_at_) / 86400 + 0.5, 0.0, 1.0));
        if (s.how != lie::adaptive) return truth_at(t) + from_seconds(s.error_at(t));
        const auto now = sync_->now(boot_);
        return truth_at(t) + from_seconds((now ? seconds_of(now->error) : 1) * s.edge);
    }
    unix_time system() const { return unix_time(boot_.time_since_epoch() + system_offset_); }

    // The oscillator wanders by up to half a ppm each minute, within 50 ppm.
    void advance(instant to) {
        while (boot_ < to) {
            const auto part =
                std::min<nanoseconds>(to - boot_, std::max<nanoseconds>(wander_at_ - boot_, 1ns));
            boot_ += part;
            true_ += seconds_of(part) * (1 + frequency_);
            system_offset_ += from_seconds(seconds_of(part) * slew_);
            if (boot_ < wander_at_) continue;
            wander_at_ = boot_ + 1min;
            wander();
        }
    }

    void wander() {
        const double walk = o_.quiet ? 0.01e-6 : 0.5e-6;
        double by = uniform(-walk, walk);
        if (true_ > ramp_from_ && true_ < ramp_from_ + 7200)
            by += true_ < ramp_from_ + 3600 ? 10e-6 / 60 : -10e-6 / 60;
        if (o_.ramps) by += heat();
        if (o_.steps && random_() % 120 == 0 && true_ >= stepped_ + o_.steps_apart) {
            by += uniform(-2e-6, 2e-6);
            stepped_ = true_;
        }
        frequency_ = std::clamp(frequency_ + by, -50e-6, 50e-6);
        slew();
        if (!o_.reroutes || random_() % 60 != 0) return;
        auto& s = servers_[random_() % servers_.size()];
        s.there = std::pow(10.0, uniform(-3.5, -0.7));
        s.back = std::pow(10.0, uniform(-3.5, -0.7));
    }

    // A load that comes or goes heats or cools: up to 1 ppm a minute for 5 minutes, or longer if it is
    // slower, 5 ppm in all. What the frequency changes by in this minute.
    double heat() {
        if (heat_minutes_ == 0 && random_() % 120 == 0) {
            const double ppm = random_() % 2 == 0 ? 1 : uniform(0.1, 1);
            heat_minutes_ = static_cast<int>(uniform(5, 5 / ppm));
            heat_ = sign() * ppm * 1e-6;
        }
        return heat_minutes_ > 0 ? --heat_minutes_, heat_ : 0;
    }

    // The machine and all its clocks stand still, and the host sets its system clock afterwards.
    void pause() {
        // One that only brings the truth to where the system clock was already shows in no clock at all.
        const double length = uniform(2, 300) + std::max(0.0, seconds_of(system() - truth()));
        true_ += length;
        system_offset_ = truth() - unix_time(boot_.time_since_epoch()) + from_seconds(uniform(-0.3, 0.3));
        answers_.clear();
    }

    // The daemon has its own idea of the time, which is half a second off at the most.
    void slew() {
        const auto off = system() - truth();
        if (std::chrono::abs(off) > 400ms && (off > 0s) == (slew_ > 0)) slew_ = -slew_;
    }

    void sleep(double length) {
        if (true_ >= sleep_at_) sleep_at_ = 1e18;
        true_ += length;
        const auto counted = from_seconds(length + uniform(-rtc_error, rtc_error));
        boot_ += counted;
        asleep_ += counted;
        system_offset_ = truth() - unix_time(boot_.time_since_epoch()) + from_seconds(uniform(-0.3, 0.3));
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
                take(sync_->locate(a.server, {exchanges::machine_at(a.server, o_.local)}, boot_));
        }
    }

    void ask(const action& a) {
        ++tally_.queries;
        auto& s = servers_[a.server];
        if (s.how == lie::adaptive && random_() % 8 == 0) s.edge = sign() * uniform(0.8, 1.3);
        if (true_ > o_.kisses_from && true_ < o_.kisses_to) return kiss(a);
        if (uniform(0, 1) < s.loss || (true_ > outage_from_ && true_ < outage_to_)) return;
        std::exponential_distribution<double> more(1 / s.jitter);
        const double late = o_.replays && random_() % 50 == 0 ? uniform(0.5, 30) : 0;
        const double there = s.there + more(random_) + (late > 5 ? late : 0);
        const double held = uniform(0, 0.0005);
        const double back = s.back + more(random_) + (late > 5 ? 0 : late);
        const auto server_time = [&](double after) { return to_ntp(shown_at(s, true_ + after)); };
        ntp_header h;
        h.mode = ntp_mode::server;
        h.stratum = 2;
        h.precision = -20;
        h.root_delay = from_seconds(s.root_delay);
        h.root_dispersion = from_seconds(s.root_dispersion);
        h.origin = a.transmit;
        h.receive = server_time(there);
        h.transmit = server_time(there + held);
        if (s.how != lie::smearing && true_ < leap_at_ && true_ > leap_at_ - 43200)
            h.leap = o_.leap > 0 ? leap::insert : leap::remove;
        answers_.push_back({boot_ + from_seconds((there + held + back) / (1 + frequency_)) + 1ns, a.server,
                            boot_, encode(h)});
        if (!o_.replays) return;
        // Before the true answer comes an old one, which fits an old query.
        if (random_() % 8 == 0)
            if (const auto old = kept_.find(a.server); old != kept_.end())
                answers_.push_back({boot_ + 10us, a.server, boot_, old->second});
        if (random_() % 16 == 0) kept_[a.server] = encode(h);
    }

    void kiss(const action& a) {
        const std::array codes = {"DENY", "RSTR", "RATE"};
        answers_.push_back({boot_ + 1ms, a.server, boot_,
                            encode(exchanges::kissing(a.transmit, codes[random_() % codes.size()]))});
    }

    void check() {
        ++tally_.checks;
        take(sync_->observe({boot_, asleep_, system()}));
        const auto t = sync_->now(boot_);
        if (!t) return;
        ++tally_.with_time;
        if (true_ > o_.kisses_to && tally_.back_after_kisses < 0 &&
            sync_->state(boot_) == sync_state::synchronised)
            tally_.back_after_kisses = true_ - o_.kisses_to;
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
    double stepped_ = 0; ///< when it did last
    nanoseconds system_offset_ = 0ns;
    double slew_ = 0; ///< of the system clock
    double ramp_from_ = 1e18;
    double heat_ = 0;      ///< of the frequency, in a minute
    int heat_minutes_ = 0; ///< left
    double leap_at_ = 1e18;
    std::vector<double> naps_; ///< true seconds since the start
    std::vector<double> pauses_;
    std::map<std::size_t, std::array<std::uint8_t, ntp_header_size>> kept_;
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
