#include "io/start_up.hpp"

#include "io/log/log.hpp"
#include "io/system/clock.hpp"

#include <exception>
#include <utility>

namespace chronoknock::io {

namespace {

constexpr std::chrono::seconds try_again{1};
constexpr nanoseconds tell_again = std::chrono::minutes(1);

} // namespace

void start_up::begin(std::vector<step> steps, std::function<void()> done) {
    timer_.cancel();
    steps_ = std::move(steps);
    next_ = 0;
    done_ = std::move(done);
    go_on();
}

void start_up::go_on() {
    for (; next_ < steps_.size(); ++next_) {
        try {
            if (const auto did = steps_[next_](); !did) return failed(did.error().text);
        } catch (const std::exception& e) {
            return failed(e.what());
        }
    }
    if (!std::exchange(problem_, {}).empty()) log::info("what kept the server from taking knocks is over");
    done_();
}

void start_up::failed(const std::string& why) {
    const auto now = boot_now();
    if (problem_.empty() || next_ != told_step_ || now - told_ >= tell_again) {
        log::error(why + ": taking no knocks; trying again every second");
        told_ = now;
        told_step_ = next_;
    }
    problem_ = why;
    timer_.expires_after(try_again);
    timer_.async_wait([this](boost::system::error_code stopped) {
        if (!stopped) go_on();
    });
}

} // namespace chronoknock::io
