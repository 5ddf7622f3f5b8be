#include "app/turns.hpp"

#include "client/window.hpp"
#include "io/system/clock.hpp"
#include "io/system/descriptor.hpp"
#include "timesync/system_clock.hpp"

#include <algorithm>
#include <future>
#include <stop_token>
#include <sys/eventfd.h>
#include <thread>

namespace chronoknock::app {

namespace {

constexpr std::string_view default_time_server = "pool.ntp.org";
/// Between two knocks of a key that is always fresh.
constexpr nanoseconds least_apart = seconds(2);
constexpr nanoseconds most_apart = seconds(10);

result<io::time_fix> ask_time(const config::profile& p, std::stop_token stop) {
    auto servers = p.time_servers;
    if (!servers) servers = {config::time_server::parse(default_time_server).value()};
    if (servers->empty()) return io::time_fix{{io::system_now(), timesync::operators_word}, io::boot_now()};
    io::query_options how;
    how.ca_file = p.nts_ca;
    how.require_nts = p.require_nts;
    how.stop = std::move(stop);
    return io::query_time(*servers, how);
}

bool needs_time(const order& o) {
    return !o.at && (!o.key || (!o.key->never_changes() && !o.key->numbered()));
}

bool same(const io::window_owner& a, const io::window_owner& b) {
    return a.target == b.target && a.key == b.key && a.service == b.service && a.source == b.source;
}

} // namespace

std::string window_used(nanoseconds wait) {
    return "the sequence of this window has been used; the next begins in " + in_words(wait);
}

struct time_question::state {
    io::descriptor answered{::eventfd(0, EFD_CLOEXEC)};
    std::promise<result<io::time_fix>> promise;
    std::optional<result<io::time_fix>> answer;
    std::jthread thread; // the last member: it is stopped and joined before the others end
};

time_question::time_question(const order& o) : state_(std::make_unique<state>()) {
    if (!needs_time(o)) return;
    state_->thread = std::jthread([s = state_.get(), p = o.profile](std::stop_token stop) {
        s->promise.set_value(ask_time(p, std::move(stop)));
        ::eventfd_write(s->answered.get(), 1);
    });
}

time_question::~time_question() = default;

bool time_question::asks() const { return state_->thread.joinable(); }

int time_question::answered() const { return state_->answered.get(); }

const result<io::time_fix>& time_question::fix() {
    if (!state_->answer) state_->answer = state_->promise.get_future().get();
    return *state_->answer;
}

io::time_fix time_question::answer() {
    const auto& found = fix();
    if (!found) throw stop{say(failed, found.error().text + "; --time-server none takes the system clock")};
    return *found;
}

bool turns::any() const {
    return std::ranges::any_of(at, [](const auto& a) { return a.has_value(); });
}

io::window_owner turn_taker::owner_of(const way& w) const {
    return io::owner_of(*order_.key, w.to.ip, order_.profile.service, w.source);
}

/// The memory of what was used; none where there is none to be had, which is said once. needed: without it
/// the knock fails.
io::window_memory* turn_taker::memory(bool needed) {
    if (memory_) return &*memory_;
    if (memory_failed_) return nullptr;
    const auto path = io::window_memory_path();
    auto opened = path ? io::window_memory::open(*path) : path.error();
    if (!opened) {
        if (needed) throw stop{say(failed, opened.error().text)};
        memory_failed_ = true;
        tell(opened.error().text + "; going on without");
        return nullptr;
    }
    memory_ = std::move(*opened);
    return &*memory_;
}

/// The next number, or the one that is wanted. A wanted one that is further ahead than the server looks would
/// open nothing, and whoever hears a password can make those before it.
std::int64_t turn_taker::take_number(const way& w) {
    const auto& k = *order_.key;
    const auto wanted = order_.at;
    auto* const m = memory(!wanted);
    if (!m) return *wanted;
    taken_number taken{0, {}, owner_of(w)};
    std::string too_far;
    const auto turn = m->claim(taken.owner, [&](std::optional<std::int64_t> last) -> result<client::turn> {
        taken.before = last;
        if (!wanted) return client::turn{k.number_after(last), {}};
        if (!last || k.numbers_between(*last, *wanted) <= k.most_ahead()) return client::turn{*wanted, {}};
        too_far = "expected at most " + std::to_string(k.most_ahead()) + " knocks beyond number " +
                  std::to_string(*last) + ", which was sent last: the server looks no further";
        return error{too_far};
    });
    if (!too_far.empty()) throw stop{unfit("at", error{too_far})};
    if (!turn) throw stop{say(failed, turn.error().text)};
    taken.number = turn->t0;
    taken_ = std::move(taken);
    return turn->t0;
}

client::turn turn_taker::take_window(const way& w, const time_estimate& now) {
    const auto choose = [&](std::optional<std::int64_t> last) -> client::turn {
        return client::choose_window(order_.key->granularity(), now, last);
    };
    auto* const m = memory(false);
    if (!m) return choose({});
    const auto turn = m->claim(owner_of(w), choose);
    if (turn) return *turn;
    tell(turn.error().text + "; going on without");
    return choose({});
}

/// What its clock is certain to have reached, if it is good for anything.
std::int64_t turn_taker::fresh_moment(const io::time_fix& fix) const {
    const nanoseconds g = seconds(order_.key->granularity());
    return to_seconds(fix.time.t + (io::boot_now() - fix.at) - std::min(fix.time.error, g / 2));
}

turns turn_taker::same_for_all(std::int64_t at) const {
    return {std::vector<std::optional<std::int64_t>>(ways_.size(), at), {}};
}

turns turn_taker::take(time_question& time) {
    const auto& k = *order_.key;
    if (k.numbered()) return same_for_all(take_number(ways_.front()));
    if (order_.at) return same_for_all(*order_.at);
    if (k.never_changes()) return same_for_all(0);
    const auto fix = time.answer();
    if (fix.time.error > nanoseconds(seconds(k.granularity())) / 2 && !warned_) {
        warned_ = true;
        tell("the clock may be off by " + in_words(fix.time.error) +
             ", more than half of the key's granularity: the server may refuse the knock");
    }
    if (k.always_fresh()) {
        auto all = same_for_all(fresh_moment(fix));
        all.clock_error = fix.time.error;
        return all;
    }

    auto now = fix.time;
    now.t += io::boot_now() - fix.at;
    turns all;
    all.clock_error = fix.time.error;
    std::vector<std::pair<io::window_owner, client::turn>> asked;
    for (const auto& w : ways_) {
        const auto owner = owner_of(w);
        auto found = std::ranges::find_if(asked, [&](const auto& a) { return same(a.first, owner); });
        if (found == asked.end()) found = asked.insert(found, {owner, take_window(w, now)});
        const auto& turn = found->second;
        const bool now_free = turn.wait == nanoseconds(0);
        all.at.push_back(now_free ? std::optional(turn.t0) : std::nullopt);
        if (!now_free && (all.wait == nanoseconds(0) || turn.wait < all.wait)) all.wait = turn.wait;
    }
    return all;
}

std::optional<nanoseconds> turn_taker::until_next(const turns& t, time_question& time) const {
    const auto& k = *order_.key;
    if (order_.at || k.numbered() || k.never_changes()) return {};
    if (k.always_fresh())
        return nanoseconds(std::clamp<nanoseconds>(seconds(k.granularity()), least_apart, most_apart));
    std::optional<std::int64_t> last;
    for (const auto& at : t.at)
        if (at) last = std::max(last.value_or(*at), *at);
    const auto fix = time.answer();
    auto now = fix.time;
    now.t += io::boot_now() - fix.at;
    return client::choose_window(k.granularity(), now, last).wait;
}

std::optional<client::turn> turn_taker::peek(const way& w, time_question& time) {
    const auto& k = *order_.key;
    if (order_.at || k.numbered() || k.never_changes() || k.always_fresh()) return {};
    const auto fix = time.answer();
    auto now = fix.time;
    now.t += io::boot_now() - fix.at;
    std::optional<client::turn> found;
    const auto look = [&](std::optional<std::int64_t> last) -> result<client::turn> {
        found = client::choose_window(k.granularity(), now, last);
        return error{"only looked at"}; // so that nothing is noted
    };
    if (auto* const m = memory(false)) (void)m->claim(owner_of(w), look);
    return found ? found : client::choose_window(k.granularity(), now, {});
}

void turn_taker::give_back() {
    if (!memory_ || !taken_) return;
    const auto released = memory_->release(taken_->owner, taken_->number, taken_->before);
    if (!released) tell(released.error().text);
}

} // namespace chronoknock::app
