#include "io/firewall.hpp"

#include "base/text.hpp"
#include "io/clock.hpp"
#include "io/log.hpp"
#include "io/nft_run.hpp"
#include "io/nft_socket.hpp"
#include "io/spare_descriptors.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

namespace chronoknock::io {

namespace asio = boost::asio;
namespace rules_of = chronoknock::firewall;
using chronoknock::firewall::grant;
using chronoknock::firewall::rules;

namespace {

/// Two programs that undo each other's work must not run nft without end: so many repairs at once, then a
/// pause.
constexpr std::size_t most_read = 5000; // grants, some 20 ms
constexpr int most_repairs = 10;
constexpr seconds repair_pause{1};

error text_of(const char* what, const boost::system::error_code& e) {
    if (e == boost::system::errc::operation_not_permitted)
        return {std::string("firewall: ") + what + ": not permitted: CAP_NET_ADMIN is needed"};
    return {std::string("firewall: ") + what + ": " + e.message()};
}

/// Open connections of this network namespace; none where /proc does not tell.
std::vector<rules_of::connection> open_connections() {
    std::vector<rules_of::connection> all;
    for (const auto* path : {"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"}) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        const auto some = rules_of::parse_proc_net_tcp(text.view());
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

} // namespace

class firewall::impl : public std::enable_shared_from_this<impl> {
public:
    impl(asio::io_context& context, nft_socket kernel, nft_events events)
        : strand_(asio::make_strand(context)), kernel_(std::move(kernel)), events_(strand_, events.release()),
          pause_(strand_) {}

    result<void> set_up(const rules& r);
    void add(std::vector<grant> grants, std::function<void(result<void>)> done);
    result<void> remove();
    result<std::vector<live_grant>> list_briefly();
    result<std::vector<live_grant>> list();
    void listen();
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
    using key = std::pair<address, std::string>;

    const service* find(const std::string& name) const;
    result<void> write_table(const rules& r, bool& kept);
    void adopt();
    void put_back();
    void restore();
    void check_table();
    void send_queue();
    void put(std::span<const entry> entries);
    boost::system::error_code put_one(const entry& e);
    void remember(const grant& g);

    asio::strand<asio::io_context::executor_type> strand_;
    nft_socket kernel_;
    asio::posix::stream_descriptor events_;
    asio::steady_timer pause_;
    int repairs_ = 0;   ///< since the pause began; 0: there is none
    bool lost_ = false; ///< the table is gone and could not be set up again
    bool closed_ = false;

    std::optional<rules> rules_; ///< what the table is to hold to; none: no table of ours
    /// Names of the grants' sets in rules_, which elements under way refer to.
    std::map<std::string, std::array<std::string, 2>, std::less<>> sets_;
    std::optional<nft_fingerprint> made_;
    /// Ends of grants that would be put back if the table were lost, those over swept out now and then.
    std::map<key, instant> open_;
    std::size_t sweep_at_ = 1024;
    std::vector<request> queue_;
};

const service* firewall::impl::find(const std::string& name) const {
    if (rules_)
        for (const auto& s : rules_->services)
            if (s.name == name) return &s;
    return nullptr;
}

/// kept: the sets that were there were kept.
result<void> firewall::impl::write_table(const rules& r, bool& kept) {
    const auto existing = kernel_.sets();
    if (!existing) return text_of("reading the table", existing.error());
    const auto live = open_connections();
    const auto script = rules_of::setup_script(r, *existing, live);
    if (!script) return script.error();
    const auto done = run_nft(*script);
    kept = done && !existing->empty();
    if (done || existing->empty()) return done;

    // A table that is not as any version of ours would leave it. Its grants are known by now.
    log::warning("firewall: the table that is there cannot be kept (" + done.error().text +
                 "): making it anew");
    const auto fresh = rules_of::setup_script(r, {}, live);
    if (!fresh) return fresh.error();
    return run_nft(rules_of::removal_script() + *fresh);
}

result<void> firewall::impl::set_up(const rules& r) {
    const spare_descriptors freed;
    if (!made_) adopt();
    bool kept = false;
    if (const auto done = write_table(r, kept); !done) return done;

    rules_ = r;
    decltype(sets_) sets;
    for (const auto& s : r.services)
        sets[s.name] = {rules_of::set_name(s.name, s.uses, 4), rules_of::set_name(s.name, s.uses, 6)};
    if (sets != sets_) sets_ = std::move(sets); // else elements under way go on referring to it
    // What has been used up of a grant for several connections is lost with the table; to put it back would
    // be to give it twice.
    std::erase_if(open_, [&](const auto& g) {
        const auto* const s = find(g.first.second);
        return !s || s->uses > 0;
    });
    const auto print = kernel_.fingerprint();
    if (!print) return text_of("reading the table", print.error());
    const bool same = kept && !lost_ && (!made_ || made_->handle == print->handle);
    made_ = *print;
    if (!same) put_back();
    return {};
}

/// Learns what an earlier process left open.
void firewall::impl::adopt() {
    const auto standing = list();
    if (!standing) return log::warning(standing.error().text);
    const auto now = boot_now();
    for (const auto& g : *standing) open_[{g.who, g.service}] = now + g.left;
}

void firewall::impl::put_back() {
    std::vector<grant> grants;
    const auto now = boot_now();
    for (const auto& [who, end] : open_)
        if (end > now) grants.push_back({who.first, who.second, end - now});
    if (grants.empty()) return;
    log::info("firewall: putting back " + std::to_string(grants.size()) + " open grants");
    add(std::move(grants), [](const result<void>& done) {
        if (!done) log::error(done.error().text);
    });
}

result<void> firewall::impl::remove() {
    rules_.reset();
    made_.reset();
    open_.clear();
    const auto done = kernel_.delete_table();
    if (!done && done.error() != boost::system::errc::no_such_file_or_directory)
        return text_of("removing the table", done.error());
    return {};
}

result<std::vector<live_grant>> firewall::impl::list_briefly() {
    if (open_.size() <= most_read) return list();
    std::vector<live_grant> all;
    const auto now = boot_now();
    for (const auto& [who, end] : open_)
        if (end > now) all.push_back({who.first, who.second, end - now});
    return all;
}

result<std::vector<live_grant>> firewall::impl::list() {
    const auto sets = kernel_.sets();
    if (!sets) return text_of("reading the table", sets.error());
    std::vector<live_grant> all;
    for (const auto& name : *sets) {
        const auto set = rules_of::parse_set_name(name);
        if (!set) continue;
        const auto elements = kernel_.elements(name);
        if (!elements) return text_of("reading grants", elements.error());
        for (const auto& e : *elements) all.push_back({e.key, set->service, e.left});
    }
    return all;
}

void firewall::impl::listen() {
    events_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& e) {
                           if (e) return;
                           if (nft_events::drain(self->events_.native_handle())) self->check_table();
                           self->listen();
                       });
}

void firewall::impl::close() {
    closed_ = true;
    rules_.reset();
    boost::system::error_code ignored;
    events_.close(ignored);
    pause_.cancel();
}

void firewall::impl::check_table() {
    if (!rules_ || repairs_ >= most_repairs) return;
    const auto print = kernel_.fingerprint();
    if (print && made_ && *print == *made_) return;
    if (!lost_)
        log::warning("firewall: somebody has removed or changed the table " + std::string(rules_of::table) +
                     ": setting it up again");
    restore();
}

void firewall::impl::restore() {
    if (repairs_++ == 0) {
        pause_.expires_after(repair_pause);
        pause_.async_wait([self = shared_from_this()](const boost::system::error_code& e) {
            if (e) return;
            self->repairs_ = 0;
            self->check_table(); // it may have gone again, or not have come
        });
    }
    const auto r = *rules_;
    const auto done = set_up(r);
    if (!done && !lost_) log::error(done.error().text + ": trying again every second");
    if (done && lost_) log::info("firewall: the table is set up again");
    lost_ = !done;
    if (lost_) made_.reset();
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
    const bool together = bool(kernel_.put(elements));
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
    auto done = kernel_.put({&e.element, 1});
    if (!done && done.error() == boost::system::errc::no_such_file_or_directory) {
        check_table();
        done = kernel_.put({&e.element, 1});
    }
    return done ? boost::system::error_code{} : done.error();
}

void firewall::impl::remember(const grant& g) {
    const auto* const s = find(g.service);
    if (!s || s->uses > 0) return;
    const auto now = boot_now();
    open_[{g.who, g.service}] = now + g.open_for;
    if (open_.size() < sweep_at_) return;
    std::erase_if(open_, [&](const auto& o) { return o.second <= now; });
    sweep_at_ = std::max<std::size_t>(1024, 2 * open_.size());
}

firewall::firewall(std::shared_ptr<impl> i) : impl_(std::move(i)) { impl_->listen(); }
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
            c.firewall.always_allow};
}

} // namespace chronoknock::io
