#include "firewall/command_book.hpp"

#include <algorithm>
#include <iterator>

namespace chronoknock::firewall {

std::vector<std::string> command_run::facts() const {
    const auto whole = open_for ? std::chrono::ceil<seconds>(*open_for).count() : 0;
    return {
        std::string("CHRONOKNOCK_ACTION=") + (opens ? "open" : "close"),
        "CHRONOKNOCK_ADDRESS=" + who.to_string(),
        std::string("CHRONOKNOCK_FAMILY=") + (who.is_v4() ? "4" : "6"),
        std::string("CHRONOKNOCK_PROTOCOL=") + (protocol == transport::tcp ? "tcp" : "udp"),
        "CHRONOKNOCK_PORTS=" + ports,
        "CHRONOKNOCK_SERVICE=" + service,
        "CHRONOKNOCK_KEY=" + key,
        "CHRONOKNOCK_SECONDS=" + (open_for ? std::to_string(whole) : std::string()),
    };
}

std::vector<command_book::door> command_book::doors_of(const service& s) {
    std::vector<door> doors;
    for (const auto protocol : {transport::tcp, transport::udp}) {
        door d{protocol, {}};
        for (const auto& p : s.ports)
            if (p.protocol == protocol) d.ports += (d.ports.empty() ? "" : ",") + p.ports.to_string();
        if (!d.ports.empty()) doors.push_back(std::move(d));
    }
    return doors;
}

bool command_book::has_doors_of(const service& s, const held& h) {
    return std::ranges::equal(doors_of(s), h.doors, [](const door& a, const door& b) {
        return a.protocol == b.protocol && a.ports == b.ports;
    });
}

std::optional<std::vector<std::uint64_t>> command_book::open(const change& c, const service& s, instant now) {
    const grant g{c.who.network, c.service};
    const auto end = now + c.open_for.value_or(nanoseconds(0));
    const auto known = open_.find(g);
    if (known != open_.end() && has_doors_of(s, known->second) &&
        std::ranges::all_of(known->second.doors, &door::sure)) {
        known->second.end = end;
        known->second.key = c.key;
        return std::vector<std::uint64_t>();
    }
    if (opening_ >= most_waiting) return {};
    std::vector<std::uint64_t> numbers;
    // That it fails to close what is not open says nothing of the opening: nobody is told of these runs.
    if (known != open_.end()) close(open_.extract(known));
    auto& h = open_[g];
    h = {c.key, end, doors_of(s)};
    for (const auto& d : h.doors) {
        waiting_.push_back(
            {{++last_, true, c.who.network, c.service, c.key, d.protocol, d.ports, c.open_for}, d});
        numbers.push_back(last_);
        ++opening_;
    }
    return numbers;
}

std::vector<std::uint64_t> command_book::close(std::map<grant, held>::node_type taken) {
    std::vector<std::uint64_t> numbers;
    const auto& [who, service] = taken.key();
    for (const auto& d : taken.mapped().doors) {
        waiting_.push_back({{++last_, false, who, service, taken.mapped().key, d.protocol, d.ports, {}}, d});
        numbers.push_back(last_);
    }
    return numbers;
}

std::vector<std::uint64_t> command_book::close(const address& who, const std::string& service) {
    const auto known = open_.find({who, service});
    if (known == open_.end()) return {};
    return close(open_.extract(known));
}

void command_book::keep(std::span<const service> services) {
    for (auto one = open_.begin(); one != open_.end();) {
        const auto s = std::ranges::find(services, one->first.second, &service::name);
        const bool stays = s != services.end() && has_doors_of(*s, one->second);
        const auto it = one++;
        if (!stays) close(open_.extract(it));
    }
}

void command_book::recall(const earlier_grant& g, const service& s, instant now) {
    open_.try_emplace({g.who.network, g.service}, held{g.key, now + g.left, doors_of(s)});
}

std::vector<command_run> command_book::take() {
    std::vector<command_run> begun;
    std::set<grant> passed; // an earlier run of theirs waits
    for (auto w = waiting_.begin(); w != waiting_.end() && running_.size() < most_at_once;) {
        const grant g{w->run.who, w->run.service};
        if (busy_.contains(g) || !passed.insert(g).second) {
            passed.insert(g);
            ++w;
            continue;
        }
        busy_.insert(g);
        if (w->run.opens) --opening_;
        w->run.tentative = !w->run.opens && !w->which.sure;
        begun.push_back(w->run);
        running_.emplace(w->run.number, std::move(*w));
        w = waiting_.erase(w);
    }
    return begun;
}

void command_book::ended(std::uint64_t number, bool succeeded) {
    const auto found = running_.extract(number);
    if (found.empty()) return;
    const auto& [run, which] = found.mapped();
    const grant g{run.who, run.service};
    busy_.erase(g);
    const auto same = [&](const door& d) { return d.protocol == which.protocol && d.ports == which.ports; };
    if (run.opens && succeeded) {
        // It may have been asked to close meanwhile: then the run that will is to know, too.
        for (auto& w : waiting_)
            if (!w.run.opens && grant{w.run.who, w.run.service} == g && same(w.which)) {
                w.which.sure = true;
                return;
            }
        if (const auto h = open_.find(g); h != open_.end())
            for (auto& d : h->second.doors)
                if (same(d)) d.sure = true;
    } else if (!run.opens && !succeeded && which.sure) {
        // It is open yet, and whoever closes again closes this as well.
        auto& h = open_.try_emplace(g, held{run.key, instant{}, {}}).first->second;
        h.doors.push_back(which);
    }
}

std::vector<live_grant> command_book::live(instant now) const {
    std::vector<live_grant> all;
    for (const auto& [g, h] : open_)
        if (h.end > now) all.push_back({g.first, g.second, h.end - now});
    return all;
}

} // namespace chronoknock::firewall
