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

std::vector<command_book::door> command_book::doors_of(const service& s,
                                                       const std::vector<std::string>& close) {
    std::vector<door> doors;
    for (const auto protocol : {transport::tcp, transport::udp}) {
        door d{protocol, {}, close};
        for (const auto& p : s.ports)
            if (p.protocol == protocol) d.ports += (d.ports.empty() ? "" : ",") + p.ports.to_string();
        if (!d.ports.empty()) doors.push_back(std::move(d));
    }
    return doors;
}

bool command_book::has_doors_of(const service& s, const held& h) {
    return std::ranges::equal(doors_of(s, {}), h.doors, [](const door& a, const door& b) {
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
        if (!c.key.empty()) known->second.key = c.key;
        return std::vector<std::uint64_t>();
    }
    if (const auto of_key = opening_for_.find(c.key);
        opening_ >= most_waiting || (of_key != opening_for_.end() && of_key->second >= most_waiting_of_key))
        return {};
    std::vector<std::uint64_t> numbers;
    // That it fails to close what is not open says nothing of the opening: nobody is told of these runs.
    if (known != open_.end()) close(open_.extract(known));
    auto& h = open_[g];
    h = {c.key, end, doors_of(s, programs_.close)};
    for (const auto& d : h.doors) {
        waiting_.push_back({{++last_, true, c.who.network, c.service, c.key, d.protocol, d.ports, c.open_for,
                             programs_.open},
                            d,
                            end});
        numbers.push_back(last_);
        ++opening_;
        ++opening_for_[c.key];
    }
    return numbers;
}

std::vector<std::uint64_t> command_book::close(std::map<grant, held>::node_type taken) {
    std::vector<std::uint64_t> numbers;
    const auto& [who, service] = taken.key();
    const auto& [key, end, doors] = taken.mapped();
    for (const auto& d : doors) {
        waiting_.push_back({{++last_, false, who, service, key, d.protocol, d.ports, {}, d.close}, d, end});
        numbers.push_back(last_);
        closing_[taken.key()].insert(last_);
    }
    return numbers;
}

std::vector<std::uint64_t> command_book::close(const address& who, const std::string& service) {
    if (const auto known = open_.find({who, service}); known != open_.end())
        return close(open_.extract(known));
    const auto under_way = closing_.find({who, service});
    if (under_way == closing_.end()) return {};
    return {under_way->second.begin(), under_way->second.end()};
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
    const held h{g.key, now + g.left, doors_of(s, programs_.close)};
    const auto [known, fresh] = open_.try_emplace({g.who.network, g.service}, h);
    if (!fresh && known->second.end < h.end) known->second = h;
}

/// Not as many of a kind at once that nothing else could begin.
bool command_book::may_begin(const command_run& r) const {
    std::size_t alike = 0, of_key = 0;
    for (const auto& [number, other] : running_) {
        if (other.run.opens != r.opens) continue;
        ++alike;
        if (other.run.key == r.key) ++of_key;
    }
    return alike < most_alike_at_once && (!r.opens || of_key < most_of_key_at_once);
}

void command_book::begin(work w, std::vector<command_run>& begun) {
    busy_.insert({w.run.who, w.run.service});
    if (w.run.opens) {
        --opening_;
        const auto of_key = opening_for_.find(w.run.key);
        if (--of_key->second == 0) opening_for_.erase(of_key);
    }
    w.run.tentative = !w.run.opens && !w.which.sure;
    begun.push_back(w.run);
    const auto number = w.run.number;
    running_.emplace(number, std::move(w));
}

std::vector<command_run> command_book::take() {
    std::vector<command_run> begun;
    for (const bool opens : {false, true}) {
        std::set<grant> passed; // an earlier run of theirs waits
        for (auto w = waiting_.begin(); w != waiting_.end() && running_.size() < most_at_once;) {
            const grant g{w->run.who, w->run.service};
            if (!passed.insert(g).second || w->run.opens != opens || busy_.contains(g)) {
                ++w;
            } else if (may_begin(w->run)) {
                begin(std::move(*w), begun);
                w = waiting_.erase(w);
            } else if (opens) {
                ++w;
            } else {
                break; // nor may any other one that closes
            }
        }
    }
    return begun;
}

/// A run that was to close has failed: it is open yet, and whoever closes again closes this as well. True if
/// nobody has asked since to open it again, or to close it.
bool command_book::keep_open(work w, run_end how) {
    const grant g{w.run.who, w.run.service};
    auto& left = w.which;
    bool opened_again = false;
    for (auto& other : waiting_) {
        if (grant{other.run.who, other.run.service} != g) continue;
        opened_again |= other.run.opens;
        if (other.run.opens || !other.which.same(left)) continue;
        other.which.sure |= left.sure;
        return false;
    }
    // The program of an earlier configuration may be gone.
    if (how == run_end::not_run) left.close = programs_.close;
    const auto [h, fresh] = open_.try_emplace(g, held{w.run.key, w.end, {}});
    auto& doors = h->second.doors;
    const auto there = std::ranges::find_if(doors, [&](const auto& d) { return d.same(left); });
    if (there != doors.end())
        there->sure |= left.sure;
    else
        doors.push_back(std::move(left));
    return fresh || !opened_again;
}

command_book::upshot command_book::ended(std::uint64_t number, run_end how) {
    upshot u;
    auto found = running_.extract(number);
    if (found.empty()) return u;
    auto& w = found.mapped();
    const auto& run = w.run;
    const grant g{run.who, run.service};
    busy_.erase(g);
    if (run.opens) {
        if (how != run_end::succeeded) return u;
        // It may have been asked to close meanwhile: then the run that will is to know, too.
        for (auto& other : waiting_)
            if (!other.run.opens && grant{other.run.who, other.run.service} == g &&
                other.which.same(w.which)) {
                other.which.sure = true;
                return u;
            }
        if (const auto h = open_.find(g); h != open_.end())
            for (auto& d : h->second.doors)
                if (d.same(w.which)) d.sure = true;
        return u;
    }
    if (const auto runs = closing_.find(g); runs != closing_.end()) {
        runs->second.erase(number);
        if (runs->second.empty()) closing_.erase(runs);
    }
    if (how == run_end::refused && !w.which.sure) u.given_up = ++w.which.refusals >= most_refusals;
    if (how != run_end::succeeded && !u.given_up) u.stays_open = keep_open(std::move(w), how);
    u.all_closed = !holds(g.first, g.second);
    return u;
}

bool command_book::holds(const address& who, const std::string& service) const {
    return open_.contains({who, service}) || closing_.contains({who, service});
}

std::vector<live_grant> command_book::live(instant now) const {
    std::vector<live_grant> all;
    for (const auto& [g, h] : open_)
        all.push_back({g.first, g.second, std::max(h.end - now, nanoseconds(0))});
    for (const auto& [g, runs] : closing_)
        if (!open_.contains(g)) all.push_back({g.first, g.second, nanoseconds(0)});
    return all;
}

} // namespace chronoknock::firewall
