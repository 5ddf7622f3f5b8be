#include "io/firewall/set_backend.hpp"

#include "base/text.hpp"
#include "firewall/ledger.hpp"
#include "io/firewall/connections.hpp"
#include "io/firewall/guard_table.hpp"
#include "io/firewall/ip_sets.hpp"
#include "io/firewall/nft_sets.hpp"
#include "io/firewall/nft_socket.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"
#include "io/system/privileges.hpp"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>

namespace chronoknock::io {

namespace asio = boost::asio;
using firewall::change;
using firewall::rules;

std::vector<set_place> places_of(const service& s, const rules& r) {
    std::vector<set_place> all;
    if (!s.set4.empty()) all.push_back({r.sets_in, s.set4, 4});
    if (!s.set6.empty()) all.push_back({r.sets_in, s.set6, 6});
    return all;
}

std::string name_of(const set_place& p) {
    return "the set " + p.name + (p.table.name.empty() ? "" : " of table " + p.table.to_string());
}

namespace {

constexpr seconds look_every{1};         // at sets whose changes the kernel tells nobody
constexpr std::size_t most_asked = 1000; // grants that a listing asks the kernel for, some 5 us each

class set_backend final : public firewall_backend {
public:
    set_backend(asio::io_context& context, std::unique_ptr<address_sets> sets,
                std::optional<nft_events> events)
        : context_(context), sets_(std::move(sets)), timer_(context), events_(context) {
        if (events) {
            events_.assign(events->release());
            listen();
        } else {
            look_around();
        }
    }

    void prepare(rules r, answer done) override {
        later([this, r = std::move(r), done = std::move(done)] { done(prepare_now(r)); });
    }
    result<void> prepare_now(const rules& r) override;
    void apply(std::vector<change> changes, answer done) override {
        later([this, changes = std::move(changes), done = std::move(done)] {
            const auto applied = apply_now(changes);
            if (done) done(applied);
        });
    }
    void list(listing done) override { done(list_now()); }
    void cut(std::function<bool(const firewall::flow&)> meant, counted done) override {
        done(cut_sockets(meant));
    }
    void withdraw(answer done) override {
        later([this, done = std::move(done)] { done(withdraw_now()); });
    }

private:
    struct place {
        set_place where;
        std::uint64_t handle = 0;
        bool lost = false; ///< it was told that the set is not there, or unfit
        bool owes = false; ///< it was told that not all that is open could be put back
    };
    /// Of each service, by the family.
    using places = std::map<std::pair<std::string, int>, place>;

    result<void> apply_now(const std::vector<change>& changes);
    result<void> open(const place& p, const change& c);
    result<void> close(const place& p, const change& c);
    result<std::vector<live_grant>> list_now();
    result<void> withdraw_now();
    result<address_sets::sight> look(const std::string& service, const set_place& p);
    void adopt(const std::string& service, const set_place& p);
    void look_again();
    void look_again(const std::string& service, place& p);
    void put_back(const std::string& service, place& p);
    void lose(place& p, const error& why);
    void keep_theirs(const std::string& service, const set_member& m, instant now);
    std::optional<set_member> take_theirs(const std::string& service, const address& who, instant now);
    void listen();
    void look_around();
    template <class Work>
    void later(Work work) {
        asio::post(context_, [alive = std::weak_ptr(alive_), work = std::move(work)] {
            if (!alive.expired()) work();
        });
    }

    asio::io_context& context_;
    std::unique_ptr<address_sets> sets_;
    asio::steady_timer timer_;
    asio::posix::stream_descriptor events_;
    places places_;
    firewall::ledger open_; ///< what we have put there
    struct replaced {
        set_member member;
        instant end;
    };
    /// What others had put into a service's set, and a longer grant has taken the place of.
    std::map<std::pair<std::string, address>, replaced> replaced_;
    bool prepared_ = false;
    std::shared_ptr<void> alive_ = std::make_shared<char>(); ///< for handlers that are queued at the end
};

std::string field_of(const std::string& service, const set_place& p) {
    return "[service." + service + "] set" + std::to_string(p.family) + ": " + name_of(p);
}

result<address_sets::sight> set_backend::look(const std::string& service, const set_place& p) {
    const auto seen = sets_->look(p);
    if (!seen && seen.error() == boost::system::errc::no_such_file_or_directory)
        return error{field_of(service, p) + " is not there: make it, and rules that refer to it"};
    if (!seen) return text_of(field_of(service, p).c_str(), seen.error());
    if (!seen->unfit.empty()) return error{field_of(service, p) + ": " + seen->unfit};
    return *seen;
}

result<void> set_backend::prepare_now(const rules& r) {
    places next;
    for (const auto& s : r.services)
        for (const auto& where : places_of(s, r)) {
            const std::pair id(s.name, where.family);
            const auto seen = look(s.name, where);
            const auto known = places_.find(id);
            if (!seen && (known == places_.end() || known->second.where != where)) return seen.error();
            // One that others have taken away must not stand in the way of a key's removal, say.
            if (!seen)
                lose(next[id] = known->second, seen.error());
            else
                next[id] = {where, seen->handle};
        }
    // What is open in a set that is not a service's any more ends: nobody would know of it.
    const auto now = boot_now();
    const auto stays = [&](const std::string& service, const prefix& who) {
        const std::pair id(service, int{who.network.family()});
        const auto before = places_.find(id), after = next.find(id);
        return before != places_.end() && after != next.end() && before->second.where == after->second.where;
    };
    for (const auto& g : open_.open(now)) {
        if (stays(g.service, g.who)) continue;
        const change over{g.who, g.service, {}};
        if (const auto p = places_.find({g.service, int{g.who.network.family()}}); p != places_.end())
            if (const auto done = close(p->second, over); !done) log::warning(done.error().text);
        open_.note(over, now);
    }
    const auto before = std::exchange(places_, std::move(next));
    for (auto& [id, p] : places_)
        if (const auto was = before.find(id);
            !prepared_ || was == before.end() || was->second.where != p.where)
            adopt(id.first, p.where);
        else if (!p.lost && (was->second.handle != p.handle || was->second.lost || was->second.owes))
            put_back(id.first, p);
    prepared_ = true;
    return {};
}

/// Learns what an earlier process left open.
void set_backend::adopt(const std::string& service, const set_place& where) {
    const auto now = boot_now();
    const auto done = sets_->list(where, [&](const set_member& m) {
        if (m.ours && m.left) open_.note({m.who, service, *m.left}, now);
    });
    if (!done) log::warning(text_of("reading grants", done.error()).text);
}

result<void> set_backend::apply_now(const std::vector<change>& changes) {
    const auto place_of = [this](const change& c) {
        return places_.find({c.service, int{c.who.network.family()}});
    };
    // Of what a knock asks for all is opened, or nothing.
    std::optional<error> failure;
    for (const auto& c : changes)
        if (c.open_for && !failure && place_of(c) == places_.end())
            failure = error{"firewall: [service." + printable(c.service) + "] has no set for IPv" +
                            std::to_string(c.who.network.family()) + " addresses"};
    const bool opens = !failure;
    for (const auto& c : changes) {
        const auto p = place_of(c);
        if (p == places_.end() || (c.open_for && !opens)) continue;
        const auto done = c.open_for ? open(p->second, c) : close(p->second, c);
        if (!done && !failure) failure = done.error();
    }
    if (failure) return *failure;
    return {};
}

result<void> set_backend::open(const place& p, const change& c) {
    const auto now = boot_now();
    const auto timeout = std::chrono::ceil<milliseconds>(*c.open_for);
    const bool known = open_.had_grant(c.who.network, c.service, now);
    auto there = sets_->find(p.where, c.who.network);
    // ipset tells of one address no more than that it is there: the list does, and is long, so only for whom
    // we have not put there.
    if (there && *there && !known && p.handle == 0) {
        there = std::optional<set_member>();
        const auto listed = sets_->list(p.where, [&](const set_member& m) {
            if (m.who == c.who.network) there = std::optional(set_member{m.who, m.left, false});
        });
        if (!listed) there = listed.error();
    }
    if (!there) return text_of("adding a grant", there.error());
    const auto& member = *there;
    if (member && !member->ours && (!member->left || *member->left >= timeout)) {
        log::info("firewall: " + c.who.to_string() + " is in " + name_of(p.where) + " by others already, " +
                  (member->left ? "for longer" : "for good") + ": left as it is");
        return {};
    }
    if (!member) replaced_.erase({c.service, c.who.network}); // with what was there before
    if (member && !member->ours) keep_theirs(c.service, *member, now);
    if (const auto done = sets_->put(p.where, c.who.network, timeout); !done) {
        if (done.error() == boost::system::errc::no_such_file_or_directory)
            return error{"firewall: " + name_of(p.where) + " is not there"};
        return text_of("adding a grant", done.error());
    }
    open_.note(c, now);
    return {};
}

result<void> set_backend::close(const place& p, const change& c) {
    const auto there = sets_->find(p.where, c.who.network);
    if (!there) return text_of("ending a grant", there.error());
    const bool ours =
        *there && (*there)->ours && (p.handle != 0 || open_.had_grant(c.who.network, c.service, boot_now()));
    if (ours) {
        const auto theirs = take_theirs(c.service, c.who.network, boot_now());
        const auto done = theirs ? sets_->put_theirs(p.where, *theirs) : sets_->take(p.where, c.who.network);
        if (!done) return text_of("ending a grant", done.error());
    }
    open_.note(c, boot_now());
    return {};
}

void set_backend::keep_theirs(const std::string& service, const set_member& m, instant now) {
    std::erase_if(replaced_, [now](const auto& one) { return one.second.end <= now; });
    replaced_.insert_or_assign({service, m.who}, replaced{m, now + *m.left});
}

/// What is left of it; nothing if there was none, or its time is over.
std::optional<set_member> set_backend::take_theirs(const std::string& service, const address& who,
                                                   instant now) {
    const auto found = replaced_.extract(std::pair(service, who));
    if (!found || found.mapped().end <= now) return {};
    auto m = std::move(found.mapped().member);
    m.left = std::chrono::ceil<milliseconds>(found.mapped().end - now);
    return m;
}

/// One that somebody took out by hand is none.
result<std::vector<live_grant>> set_backend::list_now() {
    auto all = open_.open(boot_now());
    if (all.size() > most_asked) return all;
    std::erase_if(all, [this](const live_grant& g) {
        const auto p = places_.find({g.service, int{g.who.network.family()}});
        if (p == places_.end()) return true;
        const auto there = sets_->find(p->second.where, g.who.network);
        return there && !*there;
    });
    return all;
}

result<void> set_backend::withdraw_now() {
    std::vector<change> all;
    for (const auto& g : open_.open(boot_now())) all.push_back({g.who, g.service, {}});
    return apply_now(all);
}

void set_backend::lose(place& p, const error& why) {
    if (!std::exchange(p.lost, true)) log::error("firewall: " + why.text + "; nothing opens until then");
}

void set_backend::look_again() {
    for (auto& [id, p] : places_) look_again(id.first, p);
}

void set_backend::look_again(const std::string& service, place& p) {
    const auto seen = look(service, p.where);
    if (!seen) return lose(p, seen.error());
    const bool was_lost = std::exchange(p.lost, false);
    const bool anew =
        std::exchange(p.handle, seen->handle) != seen->handle || (seen->handle == 0 && seen->empty);
    if (was_lost) log::info("firewall: " + name_of(p.where) + " is there again");
    if (anew || was_lost || p.owes) put_back(service, p);
}

/// What cannot be put back now is tried again with the next look; it is told once.
void set_backend::put_back(const std::string& service, place& p) {
    std::size_t count = 0, failed = 0;
    std::string why;
    for (const auto& g : open_.open(boot_now())) {
        if (g.service != service || g.who.network.family() != p.where.family) continue;
        const auto done = open(p, {g.who, g.service, g.left});
        ++(done ? count : failed);
        if (!done) why = done.error().text;
    }
    const bool was_told = std::exchange(p.owes, failed != 0);
    if (failed != 0 && !was_told)
        log::error(why + "; " + std::to_string(failed) + " open grants not put back into " +
                   name_of(p.where));
    if (count != 0 && !was_told)
        log::info("firewall: " + name_of(p.where) + " was emptied: put back " + std::to_string(count) +
                  " open grants");
}

void set_backend::listen() {
    events_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& e) {
                           if (e || alive.expired()) return;
                           if (nft_events::drain(events_.native_handle(), sets_->port())) look_again();
                           listen();
                       });
}

void set_backend::look_around() {
    timer_.expires_after(look_every);
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& e) {
        if (e || alive.expired()) return;
        look_again();
        look_around();
    });
}

result<void> permitted() {
    if (!may_set_up_firewall()) return error{"firewall: not permitted: CAP_NET_ADMIN is needed"};
    return {};
}

} // namespace

// Whether the sets are there prepare() tells: whoever makes them may be slower than we are.
result<void> check_nft_set(const rules&) { return permitted(); }
result<void> check_ipset(const rules&) { return permitted(); }

result<std::unique_ptr<firewall_backend>> open_nft_set(asio::io_context& context) {
    auto sets = open_nft_sets();
    if (!sets) return text_of("nf_tables", sets.error());
    auto events = nft_events::open();
    if (!events) return text_of("nf_tables events", events.error());
    return std::unique_ptr<firewall_backend>(
        std::make_unique<set_backend>(context, std::move(*sets), std::move(*events)));
}

result<std::unique_ptr<firewall_backend>> open_ipset(asio::io_context& context) {
    auto sets = open_ip_sets();
    if (!sets) return text_of("ipset", sets.error());
    return std::unique_ptr<firewall_backend>(
        std::make_unique<set_backend>(context, std::move(*sets), std::nullopt));
}

} // namespace chronoknock::io
