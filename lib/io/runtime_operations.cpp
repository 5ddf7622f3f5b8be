// What the server is asked through the control socket, and its trial.
#include "base/text.hpp"
#include "io/control/history_view.hpp"
#include "io/control/more_operations.hpp"
#include "io/firewall/last_guard.hpp"
#include "io/log/log.hpp"
#include "io/runtime.hpp"
#include "io/system/clock.hpp"

#include <boost/json.hpp>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace chronoknock::io {

namespace json = boost::json;

namespace {

constexpr std::size_t most_grants = 10'000; // a MB of JSON
constexpr const char* by_operator = "by the operator";

std::string text_in(const json::object& arguments, std::string_view name) {
    const auto* const found = arguments.if_contains(name);
    if (!found) return {};
    if (!found->is_string()) throw std::runtime_error(std::string(name) + ": expected text");
    return {found->get_string().data(), found->get_string().size()};
}

bool flag_in(const json::object& arguments, std::string_view name) {
    const auto* const found = arguments.if_contains(name);
    if (!found) return false;
    if (!found->is_bool()) throw std::runtime_error(std::string(name) + ": expected true or false");
    return found->get_bool();
}

} // namespace

operations runtime::control_operations() {
    using arguments = json::object;
    auto all = more_operations();
    all.merge(operations{
        {"status", [this](const arguments&, const reply& r) { r(status()); }},
        {"grants", [this](const arguments&, const reply& r) { grants(r); }},
        {"fleet", [this](const arguments&, const reply& r) { fleet(r); }},
        {"history", [this](const arguments& a, const reply& r) { history(a, r); }},
        {"revoke", {[this](const arguments& a, const reply& r) { revoke(a, r); }, access::owner}},
        {"confirm", {[this](const arguments&, const reply& r) { confirm(r); }, access::owner}},
        {"reload",
         {[this](const arguments& a, const reply& r) {
              reload(
                  [this, r](const changes& made) {
                      if (!made) return r(made.error());
                      json::array list;
                      for (const auto& c : *made) list.push_back(json::value(c));
                      r(json::object{{"changes", std::move(list)},
                                     {"services", configuration_->services.size()},
                                     {"keys", configuration_->keys.size()}});
                  },
                  flag_in(a, "may_lose_keys"));
          },
          access::owner}},
    });
    return all;
}

snapshot runtime::take_snapshot() {
    const auto now = boot_now();
    snapshot s{*configuration_, started_, now, system_now()};
    s.problem = why_no_knock();
    if (confined_) s.confined = &*confined_;
    s.accepting = granter_.lets_pass();
    if (trial_end_) s.trial = *trial_end_ - now;
    const auto open = std::make_shared<result<std::vector<live_grant>>>(error{"the firewall is not set up"});
    if (firewall_) firewall_->list([open](result<std::vector<live_grant>> all) { *open = std::move(all); });
    s.grants = *open;
    s.keys_of = [this](const live_grant& g) { return granter_.keys_of(g.who, g.service); };
    s.count_of = [this](const std::string& key) { return granter_.count_of(key); };
    if (time_) s.time = time_->report();
    if (listener_) s.packets = listener_->capture->count();
    if (verifiers_) s.count = [this](std::string_view name) { return verifiers_->count(name); };
    const auto c = granter_.count();
    s.knocks = {c.granted, c.repeated, c.refused, c.failed, untimely_};
    s.shared = c.shared;
    s.burnt = granter_.burnt();
    s.delays = granter_.delays();
    s.fleet = granter_.fleet();
    return s;
}

json::object runtime::status() { return status_json(take_snapshot()); }

void runtime::grants(const reply& r) {
    if (!firewall_) return r(error{"the firewall is not set up"});
    firewall_->list([this, r](result<std::vector<live_grant>> open) {
        if (!open) return r(open.error());
        snapshot s{*configuration_, started_, boot_now(), system_now()};
        s.grants = std::move(open);
        s.keys_of = [this](const live_grant& g) { return granter_.keys_of(g.who, g.service); };
        r(grants_json(s, most_grants));
    });
}

void runtime::fleet(const reply& r) {
    const auto member = granter_.member();
    if (!member) return r(refusal(error{"the configuration has no section [fleet]"}, 2));
    member->list_hosts([this, r](const result<std::vector<fleet::host_record>>& hosts) {
        if (!hosts) return r(hosts.error());
        r(fleet_json(*granter_.fleet(), *hosts, clock()));
    });
}

void runtime::history(const json::object& arguments, const reply& r) {
    const auto q = read_history_query(arguments);
    if (!q) return r(q.error());
    const auto found = granter_.find_in_history(*q);
    if (!found) return r(found.error());
    r(history_json(*found));
}

void runtime::revoke(const json::object& arguments, const reply& r) {
    granting::revocation which{text_in(arguments, "key"), {}, by_operator};
    const auto address_text = text_in(arguments, "address");
    if (which.key.empty() == address_text.empty())
        return r(refusal(error{"revoke: expected a key or an address"}, 2));
    if (!address_text.empty()) {
        const auto who = prefix::parse(address_text);
        if (!who) return r(refusal(who.error(), 2));
        which.who = *who;
    }
    const bool cut = flag_in(arguments, "cut");
    // What a key that is over has opened explains no connection any more.
    std::set<std::string> in_use;
    bool known = false;
    for (const auto& k : configuration_->keys) {
        if (!k.until || clock() < *k.until) in_use.insert(k.name);
        known |= k.name == which.key;
    }
    const auto whose =
        which.who ? "no grant to " + which.who->to_string() : "no key '" + printable(which.key) + "'";
    std::optional<granter::cutting> cutting;
    if (cut) cutting = {configuration_->services, configuration_->firewall.always_allow, std::move(in_use)};
    granter_.revoke(std::move(which), cutting, clock(),
                    [r, cut, known, whose](const result<granter::ended>& done) {
                        if (!done) return r(done.error());
                        // One that was removed, and may be connected yet, is known by the record.
                        if (!known && !done->known && !done->fleet_waits &&
                            done->grants + done->coming + done->connections == 0)
                            return r(refusal(error{whose + (cut ? ", and no connection either" : "")}, 1,
                                             nothing_to_end));
                        r(json::object{{"grants", done->grants},
                                       {"coming", done->coming},
                                       {"connections", done->connections},
                                       {"addresses_forgotten", done->forgotten},
                                       {"fleet_waits", done->fleet_waits}});
                    });
}

void runtime::on_trial(nanoseconds lasts, std::function<void()> over) {
    trial_end_ = boot_now() + lasts;
    guarded_before_trial_ = guard_stands();
    trial_over_ = std::move(over);
    log::warning("on trial: the guard goes away in " + to_string(lasts) +
                 ", unless `chronoknock confirm` comes first");
    trial_.expires_after(lasts);
    trial_.async_wait([this](boost::system::error_code stopped) {
        if (stopped || !trial_end_) return;
        log::warning("the trial is over, and nobody has confirmed it: the guard goes away");
        stop(trial_over_);
    });
}

void runtime::confirm(const reply& r) {
    if (!trial_end_) return r(error{"no trial is under way: the guard stays"});
    const bool is_busy =
        supervisor_.now() != supervisor::state::running && supervisor_.now() != supervisor::state::starting;
    if (is_busy || !firewall_) return r(error{"not now: the configuration is being read; ask again"});
    auto rules = firewall_rules(*configuration_);
    firewall_->prepare(std::move(rules), [this, r](const result<void>& done) {
        if (!done) return r(error{"the trial goes on: " + done.error().text});
        if (stopped_) return r(error{"too late: the trial is over"});
        trial_end_.reset();
        trial_.cancel();
        log::info("the trial is confirmed: the guard stays");
        keep_guard();
        r(json::object{{"confirmed", true}});
    });
}

firewall::rules runtime::rules_of(const config::server& c) const {
    auto rules = firewall_rules(c);
    rules.trial_end = trial_end_;
    return rules;
}

} // namespace chronoknock::io
