#include "io/firewall/command.hpp"

#include "base/text.hpp"
#include "firewall/command_book.hpp"
#include "io/firewall/connections.hpp"
#include "io/helper/helper_process.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <sys/socket.h>
#include <utility>

namespace chronoknock::io {

namespace asio = boost::asio;
using firewall::change;
using firewall::command_run;
using firewall::rules;

namespace {

/// Why a program that has ended did not do what it was run for; empty: it did.
std::string failure_of(int stream, bool killed, nanoseconds limit) {
    using manner = helper::program_end::manner;
    const auto end = helper_process::end_of(stream);
    if (!end) return "cannot be run: " + end.error().text;
    const auto text = printable(end->text);
    const auto wrote = text.empty() ? "" : ": " + text;
    if (end->how == manner::not_run) return "cannot be run" + wrote;
    if (killed) return "killed, since it took longer than " + to_string(limit) + wrote;
    if (end->how == manner::signalled) return "ended by signal " + std::to_string(end->number) + wrote;
    if (end->number == 0) return {};
    return "exit status " + std::to_string(end->number) + wrote;
}

class command_backend final : public firewall_backend {
public:
    command_backend(asio::io_context& context, firewall_programs by)
        : context_(context), by_(std::move(by)) {}

    void prepare(rules r, answer done) override {
        (void)prepare_now(r);
        later(std::move(done), {});
    }
    result<void> prepare_now(const rules& r) override {
        services_ = r.services;
        programs_ = r.programs;
        book_.keep(services_);
        begin();
        return {};
    }
    void recall(std::vector<firewall::earlier_grant> grants) override;
    void apply(std::vector<change> changes, answer done) override;
    void list(listing done) override { done(book_.live(boot_now())); }
    void cut(std::function<bool(const firewall::flow&)> meant, counted done) override {
        done(cut_sockets(meant));
    }
    void withdraw(answer done) override {
        book_.keep({});
        withdrawn_ = std::move(done);
        begin();
        tell_withdrawn();
    }

private:
    struct request {
        answer done;
        std::size_t runs = 1; ///< that are not over, and one until all are asked for
        std::optional<error> failure{};
    };
    struct running {
        running(asio::io_context& context, descriptor s)
            : stream(std::move(s)), watched(context, stream.get()), limit(context) {}
        ~running() { watched.release(); }
        descriptor stream; ///< readable when the program has ended; it ends with the stream
        asio::posix::stream_descriptor watched;
        asio::steady_timer limit;
        bool killed = false;
    };

    const service* find(const std::string& name) const {
        const auto found = std::ranges::find(services_, name, &service::name);
        return found == services_.end() ? nullptr : &*found;
    }
    void ask(const change& c, const std::shared_ptr<request>& from);
    void begin();
    void start(const command_run& r);
    void watch(const command_run& r, descriptor stream);
    void ended(const command_run& r, const std::string& failure);
    void one_less(const std::shared_ptr<request>& from);
    void tell_withdrawn();
    void later(answer done, result<void> outcome) {
        asio::post(context_, [alive = std::weak_ptr(alive_), done = std::move(done), outcome] {
            if (done && !alive.expired()) done(outcome);
        });
    }

    asio::io_context& context_;
    firewall_programs by_;
    std::vector<service> services_;
    firewall::programs programs_;
    firewall::command_book book_;
    std::map<std::uint64_t, std::shared_ptr<request>> requests_; ///< by run
    std::map<std::uint64_t, std::unique_ptr<running>> running_;
    answer withdrawn_;
    std::shared_ptr<void> alive_ = std::make_shared<char>(); ///< for answers that are queued at the end
};

void command_backend::recall(std::vector<firewall::earlier_grant> grants) {
    std::size_t gone = 0;
    std::erase_if(grants, [](const auto& g) { return !g.who.is_single(); }); // another backend's
    for (const auto& g : grants)
        if (const auto* const s = find(g.service))
            book_.recall(g, *s, boot_now());
        else
            ++gone;
    if (gone != 0)
        log::warning("firewall: " + std::to_string(gone) +
                     " grants of an earlier process are for services that are gone: close them by hand");
}

void command_backend::apply(std::vector<change> changes, answer done) {
    const auto from = std::make_shared<request>(request{std::move(done)});
    for (const auto& c : changes) ask(c, from);
    begin();
    one_less(from);
}

void command_backend::ask(const change& c, const std::shared_ptr<request>& from) {
    std::vector<std::uint64_t> runs;
    if (!c.who.is_single()) {
        if (c.open_for) from->failure = error{"firewall: " + c.who.to_string() + " is a network"};
    } else if (!c.open_for) {
        runs = book_.close(c.who.network, c.service);
    } else if (const auto* const s = find(c.service); !s) {
        from->failure = error{"firewall: no service " + printable(c.service)};
    } else if (auto asked = book_.open(c, *s, boot_now())) {
        runs = std::move(*asked);
    } else {
        from->failure = error{"firewall: too many programs wait to be run"};
    }
    for (const auto run : runs) {
        requests_.emplace(run, from);
        ++from->runs;
    }
}

void command_backend::begin() {
    for (const auto& r : book_.take()) start(r);
}

void command_backend::start(const command_run& r) {
    auto started = by_.run ? by_.run(r.opens ? helper::program::open : helper::program::close,
                                     r.opens ? programs_.open : programs_.close, r.facts())
                           : error{"nobody runs programs here"};
    if (started) return watch(r, std::move(*started));
    asio::post(context_, [this, r, why = started.error().text, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) ended(r, "cannot be run: " + why);
    });
}

void command_backend::watch(const command_run& r, descriptor stream) {
    try {
        auto& one =
            *running_.emplace(r.number, std::make_unique<running>(context_, std::move(stream))).first->second;
        one.limit.expires_after(programs_.time_limit);
        one.limit.async_wait([this, number = r.number](const boost::system::error_code& stopped) {
            if (stopped) return;
            const auto slow = running_.find(number);
            if (slow == running_.end()) return;
            slow->second->killed = true;
            ::shutdown(slow->second->stream.get(), SHUT_WR);
        });
        one.watched.async_wait(
            asio::posix::stream_descriptor::wait_read,
            [this, r, limit = programs_.time_limit](const boost::system::error_code& stopped) {
                if (stopped) return;
                const auto over = running_.extract(r.number);
                if (!over.empty())
                    ended(r, failure_of(over.mapped()->stream.get(), over.mapped()->killed, limit));
            });
    } catch (const std::exception& e) {
        running_.erase(r.number);
        ended(r, e.what());
    }
}

void command_backend::ended(const command_run& r, const std::string& failure) {
    book_.ended(r.number, failure.empty());
    const auto asked = requests_.extract(r.number);
    if (!failure.empty()) {
        const auto& words = r.opens ? programs_.open : programs_.close;
        const auto text = std::string("[firewall] ") + (r.opens ? "open " : "close ") +
                          (words.empty() ? "" : printable(words.front())) + " for " + r.service + ", " +
                          r.who.to_string() + ": " + failure;
        if (r.tentative)
            log::info(text + "; it may not have been open");
        else if (asked.empty())
            log::error(text);
        else if (!asked.mapped()->failure)
            asked.mapped()->failure = error{text};
    }
    begin();
    if (!asked.empty()) one_less(asked.mapped());
    tell_withdrawn();
}

void command_backend::one_less(const std::shared_ptr<request>& from) {
    if (--from->runs > 0) return;
    later(std::move(from->done), from->failure ? result<void>(*from->failure) : result<void>());
}

void command_backend::tell_withdrawn() {
    if (withdrawn_ && book_.idle()) later(std::exchange(withdrawn_, nullptr), {});
}

} // namespace

result<void> check_command(const rules&) { return {}; }

result<std::unique_ptr<firewall_backend>> open_command(asio::io_context& context,
                                                       const firewall_programs& programs) {
    return std::unique_ptr<firewall_backend>(std::make_unique<command_backend>(context, programs));
}

} // namespace chronoknock::io
