#include "firewall/guardian.hpp"

namespace chronoknock::firewall {

void guardian::become(state next) {
    const bool writes = next == state::setting_up || next == state::repairing;
    if (writes) before_ = state_;
    state_ = next;
}

void guardian::count_try(actions& then) {
    if (tries_++ == 0) then.push_back({kind::pause});
}

guardian::actions guardian::repair(kind write) {
    actions then;
    count_try(then);
    become(state::repairing);
    then.push_back({write});
    return then;
}

guardian::actions guardian::asked() {
    if (state_ == state::stopped) return {};
    become(state::setting_up);
    return {{before_ == state::lost ? kind::write_lost : kind::write}};
}

guardian::actions guardian::withdrawn() {
    if (state_ != state::stopped) become(state::idle);
    return {};
}

guardian::actions guardian::stop() {
    become(state::stopped);
    return {};
}

guardian::actions guardian::notified() {
    if (tries_ >= most_tries) return {};
    if (state_ == state::lost) return repair(kind::write_lost);
    if (state_ == state::standing || state_ == state::unverified) return {{kind::look}};
    return {};
}

guardian::actions guardian::saw(sight s) {
    const bool verified = state_ == state::standing;
    if (!verified && state_ != state::unverified) return {};
    if (s == sight::outdated) return repair(kind::write);
    if (s == sight::whole) {
        become(state::standing);
        return {};
    }
    if (s == sight::unreadable && !verified) {
        actions then;
        count_try(then);
        return then;
    }
    // A table that was known and is not to be read any more counts as gone: at worst it is written in vain.
    actions then{{kind::warning, "firewall: somebody has removed or changed the table: setting it up again"}};
    const auto more = repair(kind::write_lost);
    then.insert(then.end(), more.begin(), more.end());
    return then;
}

guardian::actions guardian::wrote(const written& w) {
    if (state_ != state::setting_up && state_ != state::repairing) return {};
    const bool was_lost = before_ == state::lost;
    become(w.verified ? state::standing : state::unverified);
    actions then;
    if (was_lost) then.push_back({kind::info, "firewall: the table is set up again"});
    if (!w.verified) count_try(then);
    if (w.rest && !admitting_) {
        admitting_ = true;
        then.push_back({kind::admit_rest});
    }
    if (!w.kept || was_lost) then.push_back({kind::put_back});
    return then;
}

guardian::actions guardian::not_written(const std::string& why) {
    if (state_ == state::setting_up) become(before_); // whoever asked is told
    if (state_ != state::repairing) return {};
    const bool was_lost = before_ == state::lost;
    become(state::lost);
    if (was_lost) return {};
    return {{kind::error, why + ": trying again"}};
}

guardian::actions guardian::admitted(bool more) {
    admitting_ = more && state_ != state::idle && state_ != state::stopped;
    if (!admitting_) return {};
    return {{kind::admit_rest}};
}

guardian::actions guardian::pause_over() {
    tries_ = 0;
    return notified(); // it may have gone again, or not have come
}

} // namespace chronoknock::firewall
