#pragma once

#include "grant/history.hpp"
#include "io/system/beside.hpp"
#include "io/system/child.hpp"
#include "notify/notifier.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <map>
#include <memory>

namespace chronoknock::io {

/// The shell of notify::notifier: starts the programs beside the loop, and hears from the kernel when they
/// have ended. Ends them when it ends itself.
class notices {
public:
    notices(boost::asio::io_context& context, config::event_settings s);
    ~notices();
    notices(const notices&) = delete;
    notices& operator=(const notices&) = delete;

    void set(config::event_settings s) { notifier_.set(std::move(s)); }
    void happened(const granting::history_entry& e);
    /// Whether knocks count as far as the time goes; reason: asked for it only if they do not.
    template <class Reason>
    void heed_time(bool known, Reason reason, instant now) {
        carry_out(notifier_.heed_time(known, known ? std::string() : reason(), now));
    }
    void due(instant now) { carry_out(notifier_.due(now)); }

private:
    struct run {
        run(boost::asio::io_context& context, child c)
            : program(std::move(c)), watched(context, program.handle()) {}
        ~run() { watched.release(); }
        child program;
        boost::asio::posix::stream_descriptor watched;
    };

    void carry_out(notify::actions todo);
    void start(const notify::start& s);
    void watch(std::uint64_t number, child c);
    void has_ended(std::uint64_t number, const notify::outcome& o);

    boost::asio::io_context& context_;
    notify::notifier notifier_;
    std::map<std::uint64_t, std::unique_ptr<run>> runs_;
    std::map<std::uint64_t, bool> starting_; ///< true: to be killed as soon as it is there
    beside beside_;                          ///< a thread without capabilities
};

} // namespace chronoknock::io
