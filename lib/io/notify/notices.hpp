#pragma once

#include "base/error.hpp"
#include "grant/history.hpp"
#include "io/system/descriptor.hpp"
#include "notify/notifier.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace chronoknock::io {

/// The shell of notify::notifier: has the programs run, and hears when they have ended. They end with it.
class notices {
public:
    /// Has a program run, and does not wait: gives what is readable once it has ended, and kills it when it
    /// is shut down for writing (helper_process::run_program()).
    using runner =
        std::function<result<descriptor>(std::vector<std::string> command, std::vector<std::string> facts)>;

    notices(boost::asio::io_context& context, config::event_settings s);
    ~notices();
    notices(const notices&) = delete;
    notices& operator=(const notices&) = delete;

    void set(config::event_settings s) { notifier_.set(std::move(s)); }
    /// Before anything happens.
    void run_by(runner r) { runner_ = std::move(r); }
    void happened(const granting::history_entry& e);
    /// Whether knocks count as far as the time goes; reason: asked for it only if they do not.
    template <class Reason>
    void heed_time(bool known, Reason reason, instant now) {
        carry_out(notifier_.heed_time(known, known ? std::string() : reason(), now));
    }
    void due(instant now) { carry_out(notifier_.due(now)); }

private:
    struct run {
        run(boost::asio::io_context& context, descriptor s)
            : stream(std::move(s)), watched(context, stream.get()) {}
        ~run() { watched.release(); }
        descriptor stream;
        boost::asio::posix::stream_descriptor watched;
    };

    void carry_out(notify::actions todo);
    void start(const notify::start& s);
    void has_ended(std::uint64_t number, const notify::outcome& o);

    boost::asio::io_context& context_;
    notify::notifier notifier_;
    runner runner_;
    std::map<std::uint64_t, std::unique_ptr<run>> runs_;
};

} // namespace chronoknock::io
