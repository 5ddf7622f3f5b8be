// A host's dealings with the fleet: what is asked of it, and how it ends. What it does by itself, watching
// and beating, is in member_loops.cpp.
#include "io/fleet/member.hpp"

#include "io/log/log.hpp"
#include "io/system/clock.hpp"
#include "io/system/random.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace chronoknock::io {

namespace asio = boost::asio;

namespace {

using outcome = granting::shared_outcome;

constexpr std::size_t most_errands = 10'000;
constexpr std::size_t most_hosts = 10'000;
constexpr int most_erasures = 5; // of one grant in a row

// What a coroutine throws must not end the loop's turn unseen.
void tell_failure(std::exception_ptr failed) {
    if (!failed) return;
    try {
        std::rethrow_exception(failed);
    } catch (const std::exception& e) {
        log::error(std::string("the fleet: ") + e.what());
    }
}

fleet::attempt_id new_attempt() {
    fleet::attempt_id id{};
    const auto random = random_secret(id.size());
    if (!random) throw std::runtime_error(random.error().text);
    std::ranges::copy(*random, id.begin());
    return id;
}

bool lost_its_lease(const error& e) { return e.text.find("lease not found") != e.text.npos; }

} // namespace

fleet_member::fleet_member(asio::io_context& context, config::fleet_settings f, resolver names, clock by)
    : context_(context), settings_(std::move(f)),
      names_(std::make_shared<lookup>(context.get_executor(), std::move(names))), clock_(std::move(by)),
      client_(std::make_shared<etcd_client>(context.get_executor(), names_)),
      seal_(settings_.prefix, settings_.seal), ledger_(seal_), postponed_(settings_.name), presence_(seal_),
      // So that of all hosts one is the first to beat.
      jitter_(milliseconds(std::hash<std::string>{}(settings_.name) % 500)) {}

result<void> fleet_member::begin() {
    if (const auto made = client_->use(settings_); !made) return error{"[fleet] " + made.error().text};
    client_->on_change([this] { link_changed(); });
    asio::co_spawn(context_, watch(shared_from_this()), tell_failure);
    asio::co_spawn(context_, beat(shared_from_this()), tell_failure);
    asio::co_spawn(context_, tend(shared_from_this()), tell_failure);
    return {};
}

result<void> fleet_member::use(const config::fleet_settings& f) {
    if (auto used = client_->use(f); !used) return used;
    settings_ = f;
    return {};
}

void fleet_member::close() {
    closed_ = true;
    changed_ = {};
    count_ = {};
    clock_ = system_now;
    client_->close();
    names_->close();
}

/// One line for each change of state.
void fleet_member::link_changed() {
    using state = fleet::link::state;
    const auto& l = client_->link();
    const auto answering = std::to_string(l.answering()) + " of " + std::to_string(l.size()) + " endpoints";
    const auto again = [this] {
        return std::exchange(was_lost_, false) ? "; knocks of its keys are taken again" : "";
    };
    const auto out_of_use = [&](const std::string& how) {
        was_lost_ = true;
        const bool local = settings_.when_lost == config::on_loss::local;
        log::warning("the fleet's cluster " + how + ": knocks of its keys " +
                     (local ? "count on this host alone: " : "are refused: ") + l.problem());
    };
    switch (l.now()) {
    case state::starting:
        break;
    case state::connected:
        log::info("the fleet's cluster answers: " + answering + again());
        break;
    case state::degraded:
        log::warning("the fleet's cluster answers by " + answering + ": " + l.problem() + again());
        break;
    case state::full:
        out_of_use("has no room left and takes no writes");
        break;
    case state::lost:
        ++lost_;
        out_of_use("is lost");
        client_->hang_up("the cluster is lost", false); // then the watch tries as well, and all the time
        break;
    }
}

fleet::redemption fleet_member::redemption_of(const fleet::order& o, const fleet::attempt_id& attempt) const {
    fleet::redemption::order r;
    r.token = o.token;
    r.slack = o.claim.slack;
    r.host = settings_.name;
    r.attempt = attempt;
    for (const auto& g : o.grants) r.grants.push_back(fleet::shared_grant_of(o, g, settings_.name));
    const auto is_meant = [&](const granting::shared_grant& g) { return fleet::closes(o, g); };
    if (!o.claim.closes.empty()) // all that lives is looked at
        for (auto& place : ledger_.find(is_meant, clock_())) r.closes.push_back(std::move(place.name));
    if (r.closes.size() > fleet::most_cells) r.closes.resize(fleet::most_cells);
    return {seal_, std::move(r), ledger_.top_of(o.token.key)};
}

void fleet_member::redeem(const fleet::order& o, redeemed done) {
    const auto attempt = attempts_.of(seal_.name_of(o.token), new_attempt());
    if (!o.claim.closes.empty()) {
        postponed_.end([&](const granting::shared_grant& g) { return fleet::closes(o, g); });
        done = [this, o, done = std::move(done)](const outcome& is) { // not after the end of this object
            if (is.is == outcome::kind::burnt)
                end([o](const granting::shared_grant& g) {
                    return fleet::closes(o, g) && g.accepted <= o.token.accepted;
                });
            done(is);
        };
    }
    asio::co_spawn(context_, run_redemption(shared_from_this(), redemption_of(o, attempt), std::move(done)),
                   tell_failure);
}

void fleet_member::redeem_later(fleet::order o) { postponed_.add(std::move(o)); }

/// What was accepted while the cluster was lost, one after the other: a close finds what was opened before.
asio::awaitable<void> fleet_member::redeem_postponed(self me) {
    struct ending {
        bool& running;
        ~ending() { running = false; }
    };
    const ending at_last{me->redeems_postponed_};
    while (!me->closed_ && !me->postponed_.empty() && me->client_->takes_writes()) {
        const auto one = me->postponed_.begin(me->clock_(), new_attempt());
        auto r = me->redemption_of(one.what, one.attempt);
        const auto o = co_await me->settle(r);
        if (me->closed_) co_return;
        if (o.is == outcome::kind::failed) {
            me->postponed_.failed();
            break;
        }
        me->erase_later(me->postponed_.done(me->seal_, r.revision()));
    }
}

asio::awaitable<result<std::int64_t>> fleet_member::lease(nanoseconds least, instant deadline) {
    if (const auto known = leases_.find(least, boot_now())) co_return *known;
    const auto length = fleet::lease_book::length_for(least);
    const auto begun = boot_now();
    const auto body =
        co_await client_->ask(fleet::lease_path, fleet::lease_request(length), deadline - begun);
    if (!body) co_return body.error();
    const auto given = fleet::parse_lease_answer(*body);
    if (!given) co_return given.error();
    leases_.add(given->id, std::min(given->seconds, length), begun);
    co_return given->id;
}

asio::awaitable<result<void>> fleet_member::ask_leases(nanoseconds longest, instant deadline,
                                                       fleet::redemption::leases& l) {
    const auto burnt = co_await lease(remembered, deadline);
    if (!burnt) co_return burnt.error();
    l.burnt = *burnt;
    if (longest > nanoseconds(0)) {
        const auto grants = co_await lease(longest, deadline);
        if (!grants) co_return grants.error();
        l.grants = *grants;
    }
    co_return result<void>();
}

/// Until the cluster has said something for good, or for some seconds.
asio::awaitable<outcome> fleet_member::decide(fleet::redemption& r) {
    nanoseconds longest{0};
    for (const auto& g : r.what().grants) longest = std::max<nanoseconds>(longest, g.until - g.accepted);
    const auto deadline = boot_now() + patience;
    const auto failed = [](const std::string& why) {
        return outcome{outcome::kind::failed, "the fleet's cluster: " + why};
    };
    for (;;) {
        if (client_->is_lost()) co_return failed("it is lost: " + client_->link().problem());
        fleet::redemption::leases l;
        const auto leased = co_await ask_leases(longest, deadline, l);
        if (!leased) co_return failed(leased.error().text);
        auto question = to_json(r.request(l));
        const auto body = co_await client_->ask(fleet::txn_path, std::move(question), deadline - boot_now());
        if (!body) {
            if (!lost_its_lease(body.error())) co_return failed(body.error().text);
            leases_.clear(); // the cluster is another one, or was put back
            continue;
        }
        client_->wrote();
        const auto a = fleet::parse_transaction_answer(*body);
        if (!a) co_return failed(a.error().text);
        if (r.answered(*a, clock_()) == fleet::redemption::step::over) co_return r.outcome();
    }
}

/// The same, and what became of it is remembered.
asio::awaitable<outcome> fleet_member::settle(fleet::redemption& r) {
    outcome o;
    try {
        o = co_await decide(r);
    } catch (const std::exception& e) {
        o.why = e.what();
    }
    if (closed_) co_return o;
    const auto& token = r.what().token;
    const bool is_known = o.is != outcome::kind::failed;
    if (is_known) {
        ledger_.read_top(token.key, r.top());
        attempts_.settled(seal_.name_of(token));
    } else {
        attempts_.failed(seal_.name_of(token), r.what().attempt);
    }
    if (r.met_forged())
        log::warning(
            "the fleet: what stands in etcd in the place of a knock, or of its key's newest one, is not "
            "sealed by it: somebody else can write there");
    if (o.is == outcome::kind::burnt && r.revision() != 0) {
        ++burnt_;
        for (const auto& g : r.what().grants) ledger_.put_here(g, r.revision());
        for (const auto& name : r.what().closes) ledger_.erased_here(name, r.revision());
    } else if (!is_known && ledger_.has(token, settings_.name, clock_())) {
        o = {outcome::kind::burnt, {}}; // its answer was lost, and the watch had it
    }
    co_return o;
}

asio::awaitable<void> fleet_member::run_redemption(self me, fleet::redemption r, redeemed done) {
    co_await asio::post(me->context_, asio::use_awaitable); // the answer comes in a later turn
    const auto o = co_await me->settle(r);
    if (!me->closed_) done(o);
}

std::size_t fleet_member::end(const fleet::ledger::is_meant& meant) {
    auto places = ledger_.find(meant, clock_());
    const auto count = places.size();
    postponed_.end(meant);
    unheard_.revoke(meant, clock_());
    erase_later(std::move(places));
    return count;
}

void fleet_member::end(const granting::burnt& token) {
    unheard_.revoke(token);
    erase_later(ledger_.find([this](const auto& g) { return unheard_.is_meant(g); }, clock_()));
}

void fleet_member::list_again() {
    has_listed_ = false;
    client_->hang_up("to be listed anew", false);
}

void fleet_member::erase_later(std::vector<fleet::ledger::place> places) {
    if (places.empty()) return;
    for (auto& p : places) {
        if (to_erase_.size() == most_errands) to_erase_.pop_front();
        to_erase_.push_back(std::move(p));
    }
    asio::co_spawn(
        context_, [](self me) -> task<void> { co_await me->carry_out_errands(); }(shared_from_this()),
        tell_failure);
}

asio::awaitable<bool> fleet_member::erase_some(std::vector<fleet::ledger::place> places) {
    for (int tries = 0; tries < most_erasures; ++tries) {
        fleet::transaction t;
        for (const auto& p : places) {
            t.compares.push_back({p.name, fleet::compare::field::mod_revision, p.revision});
            t.then.push_back(fleet::erase{p.name});
        }
        if (places.size() == 1) t.otherwise.push_back(fleet::range{places.front().name});
        const auto body = co_await client_->ask(fleet::txn_path, to_json(t), patience);
        if (!body) co_return false;
        const auto a = fleet::parse_transaction_answer(*body);
        if (!a) co_return false;
        if (a->succeeded) {
            for (const auto& p : places) ledger_.erased_here(p.name, a->head.revision);
            co_return true;
        }
        if (places.size() > 1) break;
        // Another knock may have come since, and what that opened stays. Anything else goes.
        if (a->ranges.size() != 1) co_return false;
        const auto& found = a->ranges.front().entries;
        if (found.empty() || ledger_.is_newer(found.front(), places.front())) co_return true;
        places.front().revision = found.front().revision;
    }
    if (places.size() == 1) co_return false; // somebody keeps writing there
    for (const auto& p : places) {
        std::vector<fleet::ledger::place> one(1, p);
        const bool done = co_await erase_some(std::move(one));
        if (!done) co_return false;
    }
    co_return true;
}

/// Those that nobody waits for.
asio::awaitable<void> fleet_member::carry_out_errands() {
    while (!to_erase_.empty() && !client_->is_lost()) {
        std::vector<fleet::ledger::place> some;
        while (!to_erase_.empty() && some.size() < fleet::most_cells) {
            if (to_erase_.front().grant.until > clock_()) some.push_back(to_erase_.front());
            to_erase_.pop_front();
        }
        if (some.empty()) break;
        const bool done = co_await erase_some(some);
        if (done) continue;
        to_erase_.insert(to_erase_.begin(), some.begin(), some.end());
        break;
    }
    if (postponed_.empty() || !client_->takes_writes() || std::exchange(redeems_postponed_, true)) co_return;
    asio::co_spawn(context_, redeem_postponed(shared_from_this()), tell_failure);
}

void fleet_member::list_hosts(host_list done) {
    asio::co_spawn(context_, find_hosts(shared_from_this(), std::move(done)), tell_failure);
}

asio::awaitable<void> fleet_member::find_hosts(self me, host_list done) {
    co_await asio::post(me->context_, asio::use_awaitable);
    fleet::range r;
    std::tie(r.name, r.end) = me->seal_.hosts();
    r.limit = most_hosts;
    const auto body = co_await me->client_->ask(fleet::range_path, to_json(r), patience);
    if (me->closed_) co_return;
    if (!body) co_return done(error{"the fleet's cluster: " + body.error().text});
    const auto a = fleet::parse_range_answer(*body);
    if (!a) co_return done(a.error());
    std::vector<fleet::host_record> hosts;
    for (const auto& e : a->entries)
        if (auto h = me->seal_.open_host(e.name, e.value)) hosts.push_back(std::move(*h));
    done(hosts);
}

fleet_report fleet_member::report() const {
    const auto& l = client_->link();
    fleet_report r;
    r.name = settings_.name;
    r.state = l.now();
    if (!l.takes_writes())
        r.problem = l.problem();
    else if (l.now() == fleet::link::state::starting)
        r.problem = l.problem().empty() ? "it has not answered yet" : l.problem();
    for (std::size_t i = 0; i < l.size(); ++i) r.endpoints.push_back({l.name(i), l.problem(i)});
    r.watching = watching_;
    r.revision = known_.revision;
    r.grants = ledger_.live(clock_());
    r.ignored = ledger_.ignored();
    r.burnt = burnt_;
    r.lost = lost_;
    return r;
}

} // namespace chronoknock::io
