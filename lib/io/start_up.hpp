#pragma once

#include "base/error.hpp"
#include "base/time.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>
#include <vector>

namespace chronoknock::io {

/// The steps of a server's start, one after another. One that fails is tried again every second, for ever;
/// the log says why at once, and then once a minute for as long as it lasts.
class start_up {
public:
    using step = std::function<result<void>()>;

    explicit start_up(boost::asio::io_context& context) : timer_(context) {}

    /// Goes as far as it can at once, and on from there later. A step that throws has failed. `done` is
    /// called after the last one. Before that it may be called again, for another configuration.
    void begin(std::vector<step> steps, std::function<void()> done);
    void stop() { timer_.cancel(); }

    /// What it waits for; empty: for nothing.
    const std::string& problem() const { return problem_; }

private:
    void go_on();
    void failed(const std::string& why);

    boost::asio::steady_timer timer_;
    std::vector<step> steps_;
    std::size_t next_ = 0;
    std::size_t told_step_ = 0;
    std::function<void()> done_;
    std::string problem_;
    instant told_{};
};

} // namespace chronoknock::io
