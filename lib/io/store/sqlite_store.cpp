#include "io/store/sqlite_store.hpp"

#include "base/text.hpp"
#include "io/log/log.hpp"
#include "io/store/history_table.hpp"
#include "io/store/series_table.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <iterator>
#include <utility>

namespace chronoknock::io {

namespace {

using std::chrono::steady_clock;

constexpr milliseconds try_again{10};
constexpr seconds patience{2}; // then the claim fails; a client's later rounds may still earn it
constexpr seconds between_chores{1};
constexpr std::size_t most_to_note = 1000; // waiting for a database that is held
constexpr std::size_t most_to_keep = 100;
constexpr nanoseconds clock_slack = seconds(1); // the clock may have been set right since a grant began
constexpr std::size_t most_to_end = 100'000;    // the next start finds the others

} // namespace

result<std::unique_ptr<sqlite_store>> sqlite_store::open(boost::asio::io_context& context,
                                                         const std::string& path) {
    auto record = burnt_record::open(path);
    if (!record) return record.error();
    return std::unique_ptr<sqlite_store>(new sqlite_store(context, std::move(*record)));
}

sqlite_store::sqlite_store(boost::asio::io_context& context, burnt_record record)
    : context_(context), record_(std::move(record)), retry_(context), chores_(context),
      alive_(std::make_shared<char>()) {}

void sqlite_store::redeem(std::vector<granting::burnt> tokens, std::vector<granting::opened_grant> grants,
                          answer done) {
    const auto was_closed = [&](const auto& g) { return to_end_.contains({"", g.who, g.service}); };
    if (std::ranges::any_of(grants, was_closed)) (void)end_some();
    for (const auto& g : grants) {
        spare(g);
        to_trim_.insert(g.key);
    }
    for (const auto& t : tokens) // what is burnt anew is not to be forgotten
        std::erase_if(to_forget_, [&t](const granting::burnt& f) {
            return f.key == t.key && f.place == t.place && f.identity == t.identity;
        });
    const bool first = to_burn_.empty();
    to_burn_.insert(to_burn_.end(), std::make_move_iterator(tokens.begin()),
                    std::make_move_iterator(tokens.end()));
    to_open_.insert(to_open_.end(), std::make_move_iterator(grants.begin()),
                    std::make_move_iterator(grants.end()));
    waiting_.push_back({std::move(done), steady_clock::now() + patience});
    if (first)
        boost::asio::post(context_, [this, alive = std::weak_ptr(alive_)] {
            if (!alive.expired()) burn();
        });
}

/// What the record cannot burn at once it keeps for the next time, whether somebody still waits or not. What
/// it has only noted is committed behind what the answers lead to: the opening of a door.
void sqlite_store::burn() {
    result<void> done;
    bool worth_waiting = false;
    try {
        done = record_.note(std::exchange(to_burn_, {}), std::exchange(to_open_, {}));
        // With too much to keep it drops all: then nobody may wait for it any longer.
        worth_waiting = !done && record_.is_held() && record_.has_unburnt();
    } catch (const std::exception& e) { // no memory, say
        done = error{e.what()};
    }
    const auto now = steady_clock::now();
    const auto on_time =
        worth_waiting ? std::ranges::find_if(waiting_, [now](const waiting& w) { return w.until > now; })
                      : waiting_.end();
    std::list<waiting> answered;
    answered.splice(answered.end(), waiting_, waiting_.begin(), on_time);
    for (const auto& w : answered) {
        try {
            w.done(done);
        } catch (const std::exception& e) { // the others get theirs
            log::error(std::string("going on after a failure that nothing provides for: ") + e.what());
        }
    }
    if (!waiting_.empty()) {
        retry_.expires_after(try_again);
        retry_.async_wait([this](boost::system::error_code stopped) {
            if (!stopped) burn();
        });
        return;
    }
    if (done && record_.has_unburnt())
        boost::asio::post(context_, [this, alive = std::weak_ptr(alive_)] {
            if (alive.expired()) return;
            if (const auto settled = settle(); !settled && !record_.is_held())
                log::error("what was opened is noted beside the state file only: " + settled.error().text);
        });
    if (record_.has_unburnt() || !to_trim_.empty()) do_chores_soon();
}

/// Commits what is only noted. Nothing else is changed before that is done: it may be about the same grants
/// and tokens. What fails is tried again with the chores.
result<void> sqlite_store::settle() {
    if (!record_.has_unburnt()) return {};
    result<void> done;
    try {
        done = record_.burn({});
    } catch (const std::exception& e) { // no memory, say
        done = error{e.what()};
    }
    if (done) return done;
    do_chores_soon();
    return done;
}

result<void> sqlite_store::set_floor(unix_time t) {
    try {
        return record_.set_floor(t);
    } catch (const std::exception& e) {
        return error{e.what()};
    }
}

void sqlite_store::forget(std::vector<granting::burnt> tokens) {
    to_forget_.insert(to_forget_.end(), std::make_move_iterator(tokens.begin()),
                      std::make_move_iterator(tokens.end()));
    if (!forget_some()) do_chores_soon();
}

void sqlite_store::ends(opened_id grant, const ended_by& by) {
    if (to_end_.size() < most_to_end) to_end_.insert_or_assign(std::move(grant), by);
}

/// What is opened now is not to end by what waits to be written; what was opened before still is.
void sqlite_store::spare(const granting::opened_grant& g) {
    for (const auto& key : {std::string(), g.key})
        if (const auto found = to_end_.find({key, g.who, g.service}); found != to_end_.end())
            found->second.at = std::min(found->second.at, g.at - nanoseconds(1));
}

void sqlite_store::end(std::span<const granting::opened_grant> grants) {
    for (const auto& g : grants) ends({g.key, g.who, g.service}, {.at = g.at});
    do_chores_soon();
}

result<std::vector<granting::opened_grant>> sqlite_store::open_grants() {
    if (const auto settled = settle(); !settled) return settled.error();
    (void)end_some();
    return io::open_grants(record_.connection());
}

result<std::vector<granting::opened_grant>> sqlite_store::newest_opened() {
    return io::newest_opened(record_.connection());
}

result<opened_by_key> sqlite_store::opened_of(const std::string& key) {
    (void)settle();
    auto found = io::opened_of(record_.connection(), key);
    if (found)
        for (const auto& g : record_.unopened())
            if (g.key == key) found->grants.push_back(g);
    return found;
}

result<std::set<std::pair<prefix, std::string>>> sqlite_store::opened_by(const std::set<std::string>& keys) {
    (void)settle();
    auto found = io::opened_by(record_.connection(), keys);
    if (found)
        for (const auto& g : record_.unopened())
            if (keys.contains(g.key)) found->emplace(g.who, g.service);
    return found;
}

void sqlite_store::closed(const prefix& who, const std::string& service) {
    ends({"", who, service}, {.at = unix_time::max()});
    do_chores_soon();
}

result<std::string> sqlite_store::exchange_backend(const std::string& name) {
    return io::exchange_backend(record_.connection(), name);
}

void sqlite_store::note(granting::history_entry entry, bool stays_open) {
    using kind = granting::history_entry::kind;
    // The key may have knocked again since, and what it has then goes on.
    if (entry.who && !entry.key.empty() &&
        (entry.what == kind::revoked || (entry.what == kind::expired && !stays_open)))
        for (const auto service : split_list(entry.services))
            ends({entry.key, *entry.who, std::string(service)},
                 entry.what == kind::revoked ? ended_by{.at = entry.when}
                                             : ended_by{entry.when, entry.when + clock_slack});
    if (to_note_.size() == most_to_note) to_note_.erase(to_note_.begin());
    to_note_.push_back(std::move(entry));
    do_chores_soon();
}

result<std::vector<granting::history_entry>> sqlite_store::history(std::size_t most) {
    granting::history_query q;
    q.most = most;
    auto found = find_in_history(q);
    if (!found) return found.error();
    std::vector<granting::history_entry> entries;
    for (auto& one : *found) entries.push_back(std::move(one.entry));
    return entries;
}

result<std::vector<granting::numbered_entry>>
sqlite_store::find_in_history(const granting::history_query& q) {
    (void)keep_notes();
    return io::find_in_history(record_.connection(), q);
}

/// Writes off what waits for it. False if it is to be tried again.
template <class Things, class Write>
bool sqlite_store::write_off(Things& things, Write write, const std::string& complaint) {
    if (things.empty()) return true;
    if (!settle()) return false;
    const result<void> done = write(things);
    if (!done && record_.is_held()) return false;
    if (!done) log::error(complaint + done.error().text);
    things.clear();
    return true;
}

bool sqlite_store::forget_some() {
    return write_off(to_forget_, [this](const auto& tokens) { return record_.forget(tokens); }, "");
}

bool sqlite_store::end_some() {
    return write_off(
        to_end_, [this](const auto& grants) { return end_opened(record_.connection(), grants); },
        "the ends of grants cannot be written: ");
}

bool sqlite_store::trim_some() {
    return write_off(
        to_trim_, [this](const auto& keys) { return trim_opened(record_.connection(), keys); },
        "the record of grants cannot be kept small: ");
}

/// False if it is to be tried again.
bool sqlite_store::keep_notes() {
    if (to_note_.empty()) return true;
    const auto done = add_to_history(record_.connection(), to_note_);
    if (done) {
        to_note_.clear();
        told_.clear();
    } else if (!record_.is_held() && std::exchange(told_, done.error().text) != done.error().text) {
        log::error("the history cannot be written: " + done.error().text);
    }
    return bool(done);
}

void sqlite_store::keep(const report::period& p) {
    if (to_keep_.size() == most_to_keep) to_keep_.erase(to_keep_.begin());
    to_keep_.push_back(p);
    do_chores_soon();
}

/// False if it is to be tried again.
bool sqlite_store::keep_series() {
    if (to_keep_.empty()) return true;
    const auto done = add_to_series(record_.connection(), to_keep_);
    if (!done && record_.is_held()) return false;
    if (!done) log::warning("the series cannot be written: " + done.error().text);
    to_keep_.clear(); // the next row may fare better
    return true;
}

void sqlite_store::do_chores() {
    bool done = forget_some();
    if (waiting_.empty()) done &= bool(settle()); // why it failed was told
    done &= end_some();
    done &= trim_some();
    done &= keep_notes();
    done &= keep_series();
    if (!done) do_chores_soon();
}

void sqlite_store::do_chores_soon() {
    if (chores_due_) return;
    try {
        chores_.expires_after(between_chores);
        chores_.async_wait([this](boost::system::error_code stopped) {
            if (stopped) return;
            chores_due_ = false;
            do_chores();
        });
        chores_due_ = true;
    } catch (const std::exception&) { // no memory: with what comes next, then
    }
}

result<void> sqlite_store::close_cleanly() {
    retry_.cancel();
    chores_.cancel();
    alive_.reset();
    if (!to_burn_.empty()) // else it is burnt by the next
        (void)record_.burn(std::exchange(to_burn_, {}), std::exchange(to_open_, {}));
    const auto closed = record_.close_cleanly();
    if (!closed) return closed;
    (void)forget_some();
    (void)end_some();
    (void)trim_some();
    (void)keep_notes();
    (void)keep_series();
    return {};
}

} // namespace chronoknock::io
