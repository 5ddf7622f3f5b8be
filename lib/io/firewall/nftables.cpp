#include "io/firewall/nftables.hpp"

#include "firewall/guardian.hpp"
#include "firewall/living.hpp"
#include "firewall/restoration.hpp"
#include "io/firewall/connections.hpp"
#include "io/firewall/flow_cut.hpp"
#include "io/firewall/flow_watch.hpp"
#include "io/firewall/grant_sets.hpp"
#include "io/firewall/guard_table.hpp"
#include "io/firewall/nft_run.hpp"
#include "io/firewall/nft_socket.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"
#include "io/system/privileges.hpp"
#include "io/system/spare_descriptors.hpp"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

namespace chronoknock::io {

namespace asio = boost::asio;
using firewall::change;
using firewall::flow;
using firewall::guardian;
using firewall::rules;

namespace {

constexpr milliseconds repair_pause{100}; // strangers may use it
// So many flows take nft some 50 ms. A guard waits for no more of them: strangers would be in meanwhile.
constexpr std::size_t most_at_once = 4096;
constexpr seconds look_every{1}; // for what the kernel tells nobody of: iptables-legacy's translation

/// What nft said against elements, in words that fit: of a full set the kernel says ENFILE.
std::string reason_of(const std::string& refusal) {
    return refusal.find(std::strerror(ENFILE)) == refusal.npos ? refusal : "nft: their set is full";
}

/// The shell of the guardian, and the grants in its table.
class nftables : public std::enable_shared_from_this<nftables> {
public:
    using answer = firewall_backend::answer;

    nftables(asio::io_context& context, std::unique_ptr<nft_kernel> kernel, nft_events events,
             std::function<bool()> legacy)
        : context_(context), table_(std::move(kernel), std::move(legacy)), events_(context, events.release()),
          pause_(context), look_(context), watch_(context.get_executor()),
          grants_(table_.kernel(), [this] { carry_out(machine_.notified()); }) {}

    void start();
    void close();
    bool stopped() const { return machine_.now() == guardian::state::stopped; }
    asio::io_context& context() { return context_; }

    result<void> prepare(const rules& r);
    void apply(std::vector<change> changes, answer done);
    result<std::vector<live_grant>> list() { return grants_.list(); }
    result<std::size_t> cut(const std::function<bool(const flow&)>& meant);
    instant flows_as_of() const { return rules_ && rest_.empty() ? watch_.as_of() : instant{}; }
    result<firewall_backend::live_flows> flows(const std::function<bool(const flow&)>& meant);
    result<void> withdraw();

private:
    // What the guardian says.
    void carry_out(const guardian::actions& actions);
    guardian::sight look();
    guardian::actions write(bool lost);
    result<guardian::written> write(rules r, bool lost);
    void admit_rest();
    void put_back();
    void pause();

    firewall::restoration flows_for(const rules& r, bool lost);
    void listen();
    void look_around();

    asio::io_context& context_;
    guardian machine_;
    guard_table table_;
    asio::posix::stream_descriptor events_;
    asio::steady_timer pause_;
    asio::steady_timer look_;
    flow_watch watch_;
    grant_sets grants_;
    std::optional<rules> rules_;   ///< that hold; none: no table of ours
    std::optional<rules> asked_;   ///< while they are written
    std::optional<error> failure_; ///< of the last write
    std::vector<flow> rest_;       ///< to be admitted yet, the last ones first
    bool unanswered_ = false;      ///< nft came to no answer when asked for the next part of them
    std::size_t cut_ = 0;          ///< of them, what the sets did not take
    std::string why_cut_;
};

void nftables::start() {
    watch_.start(table_.kernel().table());
    listen();
    look_around();
}

void nftables::close() {
    carry_out(machine_.stop());
    rules_.reset();
    boost::system::error_code ignored;
    events_.close(ignored);
    pause_.cancel();
    look_.cancel();
}

void nftables::listen() {
    events_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& e) {
                           if (e) return;
                           if (nft_events::drain(self->events_.native_handle(), self->table_.kernel().port()))
                               self->carry_out(self->machine_.notified());
                           self->listen();
                       });
}

void nftables::look_around() {
    look_.expires_after(look_every);
    look_.async_wait([self = shared_from_this()](const boost::system::error_code& e) {
        if (e) return;
        if (self->rules_ && !self->rules_->translated && self->table_.legacy_translates())
            self->carry_out(self->machine_.notified());
        self->look_around();
    });
}

void nftables::carry_out(const guardian::actions& actions) {
    for (const auto& a : actions) switch (a.kind) {
        case guardian::kind::look:
            carry_out(machine_.saw(look()));
            break;
        case guardian::kind::write:
            carry_out(write(false));
            break;
        case guardian::kind::write_lost:
            carry_out(write(true));
            break;
        case guardian::kind::admit_rest:
            asio::post(context_, [self = shared_from_this()] { self->admit_rest(); });
            break;
        case guardian::kind::put_back:
            put_back();
            break;
        case guardian::kind::pause:
            pause();
            break;
        case guardian::kind::info:
            log::info(a.text);
            break;
        case guardian::kind::warning:
            log::warning(a.text);
            break;
        case guardian::kind::error:
            log::error(a.text);
            break;
        }
}

guardian::sight nftables::look() {
    const bool same_world = rules_->translated == table_.translates();
    const auto seen = table_.look();
    return seen == guardian::sight::whole && !same_world ? guardian::sight::outdated : seen;
}

guardian::actions nftables::write(bool lost) {
    result<guardian::written> done = error{};
    try {
        done = write(asked_ ? *asked_ : *rules_, lost);
    } catch (const std::exception& e) {
        done = error{std::string("firewall: ") + e.what()};
    }
    if (done) return machine_.wrote(*done);
    failure_ = done.error();
    return machine_.not_written(failure_->text);
}

result<guardian::written> nftables::write(rules r, bool lost) {
    const spare_descriptors freed;
    r.translated = table_.translates();
    if (table_.give_way()) watch_.start(table_.kernel().table());
    r.table = table_.kernel().table();
    if (r.trial_end) r.trial_left = *r.trial_end - boot_now();
    const auto flows = flows_for(r, lost);
    const std::span<const flow> admitted(flows.admitted);
    const auto at_once = std::min(admitted.size(), most_at_once);
    const auto done = table_.write(r, admitted.first(at_once), lost ? watch_.cut() : std::set<flow>());
    if (!done) return done.error();
    rest_.assign(flows.admitted.rbegin(), flows.admitted.rend() - static_cast<std::ptrdiff_t>(at_once));
    destroy(flows.slipped_in);
    if (!flows.slipped_in.empty())
        log::warning("firewall: ended " + std::to_string(flows.slipped_in.size()) +
                     " connections that strangers made while the table was gone");
    grants_.take_up(r);
    rules_ = std::move(r);
    return guardian::written{done->verified, done->kept, !rest_.empty()};
}

/// lost: the guard was down for a while, and not everything that is live was admitted by it.
firewall::restoration nftables::flows_for(const rules& r, bool lost) {
    const auto open = open_connections();
    if (lost && rules_ && watch_.as_of() != instant{}) {
        auto known = watch_.admitted();
        known.insert(known.end(), rest_.begin(), rest_.end());
        std::erase_if(known, [this](const flow& f) { return watch_.cut().contains(f); });
        return restore_flows(*rules_, known, open, [this](const flow& f) {
            return grants_.may_have_admitted(f, *rules_, watch_.as_of());
        });
    }
    const auto there = table_.kernel().state();
    const bool ours =
        !rules_ && there && std::ranges::find(there->sets, firewall::flow_sets[0].name) != there->sets.end();
    if (!rules_) grants_.adopt(r);
    return {adopt_flows(r, rules_ ? &*rules_ : nullptr, open, ours ? std::vector<flow>() : tracked_flows()),
            {}};
}

/// What the sets have no room for is cut, and told when all is through: a line for each part would be a
/// flood. An nft that came to no answer is asked once more.
void nftables::admit_rest() {
    if (!rules_) rest_.clear();
    const auto some = std::span<const flow>(rest_).last(std::min(rest_.size(), most_at_once));
    if (rules_ && !some.empty()) {
        const auto refusal = table_.kernel().run(
            {firewall::nft_order::action::admit, *rules_, {}, {some.begin(), some.end()}});
        if (!refusal && !unanswered_) {
            unanswered_ = true;
            return carry_out(machine_.admitted(true));
        }
        unanswered_ = false;
        if (!refusal || *refusal) {
            cut_ += some.size();
            why_cut_ = refusal ? reason_of(**refusal) : refusal.error().text;
        }
    }
    rest_.resize(rest_.size() - some.size());
    if (rest_.empty() && cut_ != 0)
        log::warning("firewall: " + std::to_string(std::exchange(cut_, 0)) +
                     " connections are not admitted again: " + why_cut_);
    carry_out(machine_.admitted(!rest_.empty()));
}

void nftables::put_back() {
    auto changes = grants_.to_put_back(*rules_);
    if (changes.empty()) return;
    log::info("firewall: putting back " + std::to_string(changes.size()) + " open grants");
    apply(std::move(changes), [](const result<void>& done) {
        if (!done) log::error(done.error().text);
    });
}

void nftables::pause() {
    pause_.expires_after(repair_pause);
    pause_.async_wait([self = shared_from_this()](const boost::system::error_code& e) {
        if (!e) self->carry_out(self->machine_.pause_over());
    });
}

result<void> nftables::prepare(const rules& r) {
    grants_.send(); // what was granted by the rules before is no grant by these
    if (machine_.now() == guardian::state::standing && rules_ && firewall::holds(*rules_, r))
        // What somebody has let in for good goes with the rules that are written again.
        if (const auto there = table_.kernel().state(); there && there->permanent.empty()) return {};
    failure_.reset();
    asked_ = r;
    carry_out(machine_.asked());
    asked_.reset();
    return failure_ ? result<void>(*failure_) : result<void>();
}

result<void> nftables::withdraw() {
    carry_out(machine_.withdrawn());
    rules_.reset();
    table_.forget();
    grants_.clear();
    const auto done = table_.kernel().delete_table();
    if (!done && done.error() != boost::system::errc::no_such_file_or_directory)
        return text_of("removing the table", done.error());
    return {};
}

result<std::size_t> nftables::cut(const std::function<bool(const flow&)>& meant) {
    std::erase_if(rest_, meant);
    watch_.forget(meant);
    const auto done = cut_flows(table_.kernel().table(), meant);
    if (!done) return text_of("ending connections", done.error());
    watch_.keep_cut(done->flows);
    if (done->not_noted == 0) return done->flows.size();
    return error{"firewall: " + std::to_string(done->flows.size()) + " connections cut, but " +
                 std::to_string(done->not_noted) +
                 " UDP peers of them come back as soon as this host sends to them: the set of those that are "
                 "cut is full"};
}

result<firewall_backend::live_flows> nftables::flows(const std::function<bool(const flow&)>& meant) {
    if (!rules_) return error{"firewall: there is no table"};
    if (!rest_.empty()) return error{"firewall: connections are being admitted yet"};
    std::vector<flow> admitted;
    std::ranges::copy_if(watch_.unclosed(), std::back_inserter(admitted), meant);
    std::optional<std::set<flow>> tracked;
    std::optional<std::set<std::uint16_t>> listening;
    // A flow does not say where to. Where a socket of this host listens, only conntrack knows one that none
    // of them has: two forged packets look like a forwarded connection to the guard.
    const auto forwarded = [&](const flow& f) {
        const bool passes = !rules_->also_for.empty();
        if (!rules_->translated && !passes) return false;
        if (!rules_->translated) {
            if (!listening) listening = listening_ports();
            if (!listening->contains(f.port)) return true;
        }
        if (!tracked) {
            const auto all = established_flows();
            tracked.emplace(all.begin(), all.end());
        }
        return tracked->contains(f);
    };
    return firewall_backend::live_flows{firewall::living_flows(admitted, open_connections(), forwarded),
                                        watch_.as_of()};
}

void nftables::apply(std::vector<change> changes, answer done) {
    // What comes in the same turn of the loop goes in the same transaction.
    if (grants_.queue(std::move(changes), std::move(done)))
        asio::post(context_, [self = shared_from_this()] {
            if (!self->stopped()) self->grants_.send();
        });
}

/// Holds the shell, and ends it.
class nftables_backend final : public firewall_backend {
public:
    explicit nftables_backend(std::shared_ptr<nftables> shell) : shell_(std::move(shell)) { shell_->start(); }
    nftables_backend(const nftables_backend&) = delete;
    nftables_backend& operator=(const nftables_backend&) = delete;
    ~nftables_backend() override { shell_->close(); }

    void prepare(rules r, answer done) override {
        in_turn(std::move(done), [r = std::move(r)](nftables& shell) { return shell.prepare(r); });
    }
    result<void> prepare_now(const rules& r) override { return shell_->prepare(r); }
    void apply(std::vector<change> changes, answer done) override {
        shell_->apply(std::move(changes), std::move(done));
    }
    void list(listing done) override { done(shell_->list()); }
    void cut(std::function<bool(const flow&)> meant, counted done) override { done(shell_->cut(meant)); }
    instant flows_as_of() const override { return shell_->flows_as_of(); }
    void flows(const std::function<bool(const flow&)>& meant,
               std::function<void(result<live_flows>)> done) override {
        done(shell_->flows(meant));
    }
    void withdraw(answer done) override {
        in_turn(std::move(done), [](nftables& shell) { return shell.withdraw(); });
    }

private:
    template <class Work>
    void in_turn(answer done, Work work) {
        asio::post(shell_->context(), [shell = shell_, done = std::move(done), work = std::move(work)] {
            if (!shell->stopped()) done(work(*shell));
        });
    }

    std::shared_ptr<nftables> shell_;
};

} // namespace

result<void> check_nftables(const rules& r) {
    if (!may_set_up_firewall()) return error{"firewall: not permitted: CAP_NET_ADMIN is needed"};
    if (!nft_program()) return error{"firewall: nft is not there: install nftables"};
    if (const auto script = firewall::setup_script(r, {}, {}); !script) return script.error();
    return {};
}

result<std::unique_ptr<firewall_backend>> open_nftables(asio::io_context& context,
                                                        const firewall_programs& programs) {
    auto kernel = nft_socket::open(programs.nft);
    if (!kernel) return text_of("nf_tables", kernel.error());
    return open_nftables(context, std::make_unique<nft_socket>(std::move(*kernel)), programs);
}

result<std::unique_ptr<firewall_backend>> open_nftables(asio::io_context& context,
                                                        std::unique_ptr<nft_kernel> kernel,
                                                        const firewall_programs& programs) {
    auto events = nft_events::open();
    if (!events) return text_of("nf_tables events", events.error());
    return std::make_unique<nftables_backend>(std::make_shared<nftables>(
        context, std::move(kernel), std::move(*events), programs.legacy_translates));
}

} // namespace chronoknock::io
