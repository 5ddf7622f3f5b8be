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
using firewall::run_end;

namespace {

constexpr std::size_t most_named = 5; ///< in a line of the log

/// Why a program did not do what it was run for; empty: it did.
struct failure {
    failure() = default;
    failure(std::string why, run_end as = run_end::broken_off) : text(std::move(why)), how(as) {}
    failure(const char* why) : failure(std::string(why)) {}
    std::string text;
    run_end how = run_end::succeeded;
};

/// The same for one that has ended.
failure failure_of(int stream, bool killed, nanoseconds limit) {
    using manner = helper::program_end::manner;
    const auto end = helper_process::end_of(stream);
    if (!end) return "cannot be run: " + end.error().text;
    const auto text = printable(end->text);
    const auto wrote = text.empty() ? "" : ": " + text;
    if (end->how == manner::not_run) return {"cannot be run" + wrote, run_end::not_run};
    if (killed) return "killed, since it took longer than " + to_string(limit) + wrote;
    if (end->how == manner::signalled) return "ended by signal " + std::to_string(end->number) + wrote;
    if (end->number == 0) return {};
    return {"exit status " + std::to_string(end->number) + wrote, run_end::refused};
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
        book_.use(programs_);
        book_.keep(services_);
        begin();
        return {};
    }
    void recall(std::vector<firewall::earlier_grant> grants) override;
    void apply(std::vector<change> changes, answer done) override;
    bool on_closed(closed_one told) override {
        closed_ = std::move(told);
        return true;
    }
    void on_unclosed(closed_one told) override { unclosed_ = std::move(told); }
    bool holds(const prefix& who, const std::string& name) const override {
        return who.is_single() && book_.holds(who.network, name);
    }
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
    void ended(const command_run& r, const failure& f);
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
    std::multimap<std::uint64_t, std::shared_ptr<request>> requests_; ///< by run
    std::map<std::uint64_t, std::unique_ptr<running>> running_;
    answer withdrawn_;
    std::string not_withdrawn_; ///< why some could not be closed
    closed_one closed_;
    closed_one unclosed_;
    std::shared_ptr<void> alive_ = std::make_shared<char>(); ///< for answers that are queued at the end
};

void command_backend::recall(std::vector<firewall::earlier_grant> grants) {
    std::size_t gone = 0;
    std::string named;
    std::erase_if(grants, [](const auto& g) { return !g.who.is_single(); }); // another backend's
    for (const auto& g : grants)
        if (const auto* const s = find(g.service))
            book_.recall(g, *s, boot_now());
        else if (++gone <= most_named)
            named += (named.empty() ? ": " : ", ") + printable(g.service) + " to " + g.who.to_string();
    if (gone > most_named) named += ", and others";
    if (gone != 0)
        log::warning("firewall: " + std::to_string(gone) +
                     " grants of an earlier process are for services that are gone: close them by hand" +
                     named);
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
        if (runs.empty() && closed_) closed_(c.who, c.service); // it was never opened, say
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
    auto started =
        by_.run ? by_.run(r.opens ? helper::program::open : helper::program::close, r.command, r.facts())
                : error{"nobody runs programs here"};
    if (started) return watch(r, std::move(*started));
    asio::post(context_, [this, r, why = started.error().text, alive = std::weak_ptr(alive_)] {
        if (!alive.expired())
            ended(r, "cannot be run: " + why); // by nobody, now: the program itself may be there
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

void command_backend::ended(const command_run& r, const failure& f) {
    const auto upshot = book_.ended(r.number, f.how);
    const auto [first, last] = requests_.equal_range(r.number);
    std::vector<std::shared_ptr<request>> asked;
    for (auto one = first; one != last; ++one) asked.push_back(std::move(one->second));
    requests_.erase(first, last);
    if (f.how != run_end::succeeded) {
        const auto text = std::string("[firewall] ") + (r.opens ? "open " : "close ") +
                          (r.command.empty() ? "" : printable(r.command.front())) + " for " + r.service +
                          ", " + r.who.to_string() + ": " + f.text;
        const error why{text + (r.tentative ? "; it may not have been open" : "")};
        if (upshot.given_up)
            log::warning(text + ", " + std::to_string(firewall::command_book::most_refusals) +
                         " times: it is taken for closed. If " +
                         (r.protocol == transport::tcp ? "tcp/" : "udp/") + r.ports +
                         " is open, close it by hand");
        else if (withdrawn_)
            not_withdrawn_ = f.text; // told with all of them
        else if (asked.empty() && !r.tentative)
            log::error(text);
        for (const auto& one : asked)
            if (!one->failure && !upshot.given_up) one->failure = why;
    }
    if (upshot.all_closed && closed_) closed_(r.who, r.service);
    if (upshot.stays_open && unclosed_) unclosed_(r.who, r.service);
    begin();
    for (const auto& one : asked) one_less(one);
    tell_withdrawn();
}

void command_backend::one_less(const std::shared_ptr<request>& from) {
    if (--from->runs > 0) return;
    later(std::move(from->done), from->failure ? result<void>(*from->failure) : result<void>());
}

void command_backend::tell_withdrawn() {
    if (!withdrawn_ || !book_.idle()) return;
    result<void> done;
    if (const auto open = book_.live(boot_now()); !open.empty()) {
        std::string named;
        for (std::size_t i = 0; i < std::min(open.size(), most_named); ++i)
            named += (i == 0 ? "" : ", ") + open[i].service + " to " + open[i].who.to_string();
        if (open.size() > most_named) named += ", and others";
        done = error{"firewall: " + std::to_string(open.size()) + " grants could not be closed (" +
                     not_withdrawn_ + "): " + named};
    }
    later(std::exchange(withdrawn_, nullptr), done);
}

} // namespace

result<void> check_command(const rules&) { return {}; }

result<std::unique_ptr<firewall_backend>> open_command(asio::io_context& context,
                                                       const firewall_programs& programs) {
    return std::unique_ptr<firewall_backend>(std::make_unique<command_backend>(context, programs));
}

} // namespace chronoknock::io
