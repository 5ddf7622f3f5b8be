#include "io/firewall/firewall.hpp"

#include "base/text.hpp"
#include "firewall/ledger.hpp"
#include "firewall/restoration.hpp"
#include "io/firewall/connections.hpp"
#include "io/firewall/flow_watch.hpp"
#include "io/firewall/guard_table.hpp"
#include "io/firewall/nft_run.hpp"
#include "io/firewall/nft_socket.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"
#include "io/system/spare_descriptors.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <map>
#include <optional>

namespace chronoknock::io {

namespace asio = boost::asio;
namespace rules_of = chronoknock::firewall;
using chronoknock::firewall::flow;
using chronoknock::firewall::grant;
using chronoknock::firewall::guards;
using chronoknock::firewall::rules;

namespace {

constexpr std::size_t most_read = 5000; // grants, some 20 ms
// Two programs that undo each other's work must not run nft without end: so many repairs at once, then a
// pause, which strangers may use.
constexpr int most_repairs = 5;
constexpr milliseconds repair_pause{100};
// So many flows take nft some 50 ms. A guard waits for no more of them: strangers would be in meanwhile.
constexpr std::size_t most_at_once = 4096;
constexpr seconds look_every{1}; // for what the kernel tells nobody of: iptables-legacy's translation

} // namespace

class firewall::impl : public std::enable_shared_from_this<impl> {
public:
    impl(asio::io_context& context, nft_socket kernel, nft_events events)
        : strand_(asio::make_strand(context)), table_(std::move(kernel)), events_(strand_, events.release()),
          pause_(strand_), look_(strand_), watch_(strand_) {}

    result<void> set_up(const rules& r) { return write(r, lost_); }
    void add(std::vector<grant> grants, std::function<void(result<void>)> done);
    result<void> remove();
    result<std::vector<live_grant>> list_briefly();
    result<std::vector<live_grant>> list();
    void start();
    void close();

private:
    struct request {
        std::vector<grant> grants;
        std::function<void(result<void>)> done;
        std::optional<error> failure;
    };
    struct entry {
        nft_element element;
        const grant* what;
        request* from;
    };

    const service* find(const std::string& name) const;
    result<void> write(rules r, bool lost);
    bool was_granted(const flow& f) const;
    void admit_rest();
    void adopt_grants();
    void put_back();
    void listen();
    void look();
    void restore(bool lost);
    void check_table();
    void send_queue();
    void put(std::span<const entry> entries);
    boost::system::error_code put_one(const entry& e);
    void remember(const grant& g);

    asio::strand<asio::io_context::executor_type> strand_;
    guard_table table_;
    asio::posix::stream_descriptor events_;
    asio::steady_timer pause_;
    asio::steady_timer look_;
    flow_watch watch_;
    int repairs_ = 0;   ///< since the pause began; 0: there is none
    bool lost_ = false; ///< the table is gone and could not be set up again
    bool closed_ = false;

    std::optional<rules> rules_; ///< what the table is to hold to; none: no table of ours
    /// Names of the grants' sets in rules_, which elements under way refer to.
    std::map<std::string, std::array<std::string, 2>, std::less<>> sets_;
    rules_of::ledger open_;
    std::vector<flow> rest_; ///< to be admitted yet, the last ones first
    std::vector<request> queue_;
};

const service* firewall::impl::find(const std::string& name) const {
    if (rules_)
        for (const auto& s : rules_->services)
            if (s.name == name) return &s;
    return nullptr;
}

bool firewall::impl::was_granted(const flow& f) const {
    return std::ranges::any_of(rules_->services, [&](const service& s) {
        return guards(s, f.protocol, f.port) && open_.had_grant(f.peer, s.name, watch_.as_of());
    });
}

/// lost: the guard was down for a while, and not everything that is live was admitted by it.
result<void> firewall::impl::write(rules r, bool lost) {
    const spare_descriptors freed;
    r.translated = table_.translates();
    if (table_.give_way()) watch_.start(table_.kernel().table());
    r.table = table_.kernel().table();
    rules_of::restoration flows;
    const auto open = open_connections();
    if (lost && watch_.as_of() != instant{}) {
        auto known = watch_.admitted();
        known.insert(known.end(), rest_.begin(), rest_.end());
        flows = restore_flows(*rules_, known, open, [this](const flow& f) { return was_granted(f); });
    } else {
        const auto there = table_.kernel().state();
        const bool ours = !rules_ && there &&
                          std::ranges::find(there->sets, rules_of::flow_sets[0].name) != there->sets.end();
        if (!table_.is_made()) adopt_grants();
        flows.admitted =
            adopt_flows(r, rules_ ? &*rules_ : nullptr, open, ours ? std::vector<flow>() : tracked_flows());
    }
    const std::span<const flow> admitted(flows.admitted);
    const auto at_once = std::min(admitted.size(), most_at_once);
    const auto kept = table_.write(r, admitted.first(at_once));
    if (!kept) return kept.error();
    const bool idle = rest_.empty();
    rest_.assign(flows.admitted.rbegin(), flows.admitted.rend() - static_cast<std::ptrdiff_t>(at_once));
    if (idle) admit_rest();
    destroy(flows.slipped_in);
    if (!flows.slipped_in.empty())
        log::warning("firewall: ended " + std::to_string(flows.slipped_in.size()) +
                     " connections that strangers made while the table was gone");

    rules_ = std::move(r);
    decltype(sets_) sets;
    for (const auto& s : rules_->services)
        sets[s.name] = {rules_of::set_name(s.name, s.uses, 4), rules_of::set_name(s.name, s.uses, 6)};
    if (sets != sets_) sets_ = std::move(sets); // else elements under way go on referring to it
    open_.keep([this](const std::string& name) { return find(name) != nullptr; });
    if (!*kept || lost_) put_back();
    return {};
}

/// In the next turns of the loop. What the sets have no room for is cut.
void firewall::impl::admit_rest() {
    if (rest_.empty()) return;
    asio::post(strand_, [self = shared_from_this()] {
        if (self->closed_ || !self->rules_) return self->rest_.clear();
        auto& rest = self->rest_;
        const auto some = std::span<const flow>(rest).last(std::min(rest.size(), most_at_once));
        if (const auto script = admission_script(*self->rules_, some); !script.empty())
            if (const auto done = run_nft(script); !done)
                log::warning("firewall: " + std::to_string(some.size()) +
                             " connections are not admitted again: " + done.error().text);
        rest.resize(rest.size() - some.size());
        self->admit_rest();
    });
}

/// Learns what an earlier process left open.
void firewall::impl::adopt_grants() {
    const auto standing = list();
    if (!standing) return log::warning(standing.error().text);
    const auto now = boot_now();
    for (const auto& g : *standing) open_.note(g.who, g.service, now + g.left, now);
}

void firewall::impl::put_back() {
    auto grants = open_.open(boot_now());
    // What has been used up of a grant for several connections is lost with the table; to put it back would
    // be to give it twice.
    std::erase_if(grants, [this](const grant& g) {
        const auto* const s = find(g.service);
        return !s || s->uses > 0;
    });
    if (grants.empty()) return;
    log::info("firewall: putting back " + std::to_string(grants.size()) + " open grants");
    add(std::move(grants), [](const result<void>& done) {
        if (!done) log::error(done.error().text);
    });
}

result<void> firewall::impl::remove() {
    rules_.reset();
    table_.forget();
    open_.clear();
    const auto done = table_.kernel().delete_table();
    if (!done && done.error() != boost::system::errc::no_such_file_or_directory)
        return text_of("removing the table", done.error());
    return {};
}

result<std::vector<live_grant>> firewall::impl::list_briefly() {
    if (open_.size() <= most_read) return list();
    std::vector<live_grant> all;
    for (auto& g : open_.open(boot_now())) all.push_back({g.who, std::move(g.service), g.open_for});
    return all;
}

result<std::vector<live_grant>> firewall::impl::list() {
    auto grants = table_.kernel().grants();
    if (!grants) return text_of("reading grants", grants.error());
    return std::move(*grants);
}

void firewall::impl::start() {
    watch_.start(table_.kernel().table());
    listen();
    look();
}

void firewall::impl::listen() {
    events_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& e) {
                           if (e) return;
                           if (nft_events::drain(self->events_.native_handle(), self->table_.kernel().port()))
                               self->check_table();
                           self->listen();
                       });
}

void firewall::impl::look() {
    look_.expires_after(look_every);
    look_.async_wait([self = shared_from_this()](const boost::system::error_code& e) {
        if (e) return;
        if (self->rules_ && !self->rules_->translated && legacy_translates()) self->check_table();
        self->look();
    });
}

void firewall::impl::close() {
    closed_ = true;
    rules_.reset();
    boost::system::error_code ignored;
    events_.close(ignored);
    pause_.cancel();
    look_.cancel();
}

void firewall::impl::check_table() {
    if (!rules_ || repairs_ >= most_repairs) return;
    const bool same_world = rules_->translated == table_.translates();
    const bool whole = table_.is_whole();
    if (whole && same_world) return;
    if (!lost_ && !whole)
        log::warning("firewall: somebody has removed or changed the table " + table_.kernel().table() +
                     ": setting it up again");
    restore(!whole);
}

void firewall::impl::restore(bool lost) {
    if (repairs_++ == 0) {
        pause_.expires_after(repair_pause);
        pause_.async_wait([self = shared_from_this()](const boost::system::error_code& e) {
            if (e) return;
            self->repairs_ = 0;
            self->check_table(); // it may have gone again, or not have come
        });
    }
    const auto done = write(*rules_, lost || lost_);
    if (!done && !lost_) log::error(done.error().text + ": trying again");
    if (done && lost_) log::info("firewall: the table is set up again");
    lost_ = !done;
    if (lost_) table_.forget();
}

void firewall::impl::add(std::vector<grant> grants, std::function<void(result<void>)> done) {
    asio::post(strand_,
               [self = shared_from_this(), grants = std::move(grants), done = std::move(done)]() mutable {
                   // What comes in the same turn of the loop goes in the same transaction.
                   if (self->queue_.empty()) asio::post(self->strand_, [self] { self->send_queue(); });
                   self->queue_.push_back({std::move(grants), std::move(done), {}});
               });
}

void firewall::impl::send_queue() {
    auto requests = std::exchange(queue_, {});
    if (closed_) return;
    std::vector<entry> entries;
    for (auto& r : requests)
        for (const auto& g : r.grants) {
            const auto set = sets_.find(g.service);
            if (!rules_ || set == sets_.end()) {
                r.failure = error{"firewall: no service " + printable(g.service)};
                continue;
            }
            const auto timeout = std::chrono::ceil<milliseconds>(g.open_for);
            entries.push_back({{set->second[g.who.is_v4() ? 0 : 1], g.who, timeout}, &g, &r});
        }
    const std::span<const entry> all(entries);
    for (std::size_t done = 0; done < all.size(); done += nft_socket::most_elements)
        put(all.subspan(done, std::min(nft_socket::most_elements, all.size() - done)));
    for (auto& r : requests)
        if (r.done) r.done(r.failure ? result<void>(*r.failure) : result<void>());
}

void firewall::impl::put(std::span<const entry> entries) {
    std::vector<nft_element> elements;
    for (const auto& e : entries) elements.push_back(e.element);
    const bool together = bool(table_.kernel().put(elements));
    for (const auto& e : entries) {
        // One that fails undoes its whole transaction, so the others get another.
        if (!together)
            if (const auto failure = put_one(e)) {
                e.from->failure = text_of("adding a grant", failure);
                continue;
            }
        remember(*e.what);
    }
}

boost::system::error_code firewall::impl::put_one(const entry& e) {
    auto done = table_.kernel().put({&e.element, 1});
    if (!done && done.error() == boost::system::errc::no_such_file_or_directory) {
        check_table();
        done = table_.kernel().put({&e.element, 1});
    }
    return done ? boost::system::error_code{} : done.error();
}

void firewall::impl::remember(const grant& g) {
    const auto now = boot_now();
    if (find(g.service)) open_.note(g.who, g.service, now + g.open_for, now);
}

firewall::firewall(std::shared_ptr<impl> i) : impl_(std::move(i)) { impl_->start(); }
firewall::firewall(firewall&&) noexcept = default;
firewall& firewall::operator=(firewall&& other) noexcept {
    std::swap(impl_, other.impl_); // other's end closes what this was
    return *this;
}
firewall::~firewall() {
    if (impl_) impl_->close();
}

result<firewall> firewall::open(asio::io_context& context) {
    auto kernel = nft_socket::open();
    if (!kernel) return text_of("nf_tables", kernel.error());
    auto events = nft_events::open();
    if (!events) return text_of("nf_tables events", events.error());
    return firewall(std::make_shared<impl>(context, std::move(*kernel), std::move(*events)));
}

result<void> firewall::set_up(const rules& r) { return impl_->set_up(r); }
void firewall::add(std::vector<grant> grants, std::function<void(result<void>)> done) {
    impl_->add(std::move(grants), std::move(done));
}
result<void> firewall::remove() { return impl_->remove(); }
result<std::vector<live_grant>> firewall::list() { return impl_->list_briefly(); }

chronoknock::firewall::rules firewall_rules(const config::server& c) {
    const bool reset = c.firewall.unauthorized == config::unauthorized::reset;
    return {c.services, reset ? rules_of::unauthorized::reset : rules_of::unauthorized::drop,
            c.firewall.always_allow, c.also_for};
}

} // namespace chronoknock::io
