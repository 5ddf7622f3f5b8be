#include "supervisor/supervisor.hpp"

#include <utility>

namespace chronoknock {

supervisor::actions supervisor::become(state next, actions then) {
    state_ = next;
    return then;
}

supervisor::actions supervisor::started() {
    if (state_ == state::starting) return become(state::running, {{kind::serve}});
    if (state_ == state::rereading) return become(state::reading, {{kind::serve}});
    return {};
}

supervisor::actions supervisor::reload() {
    switch (state_) {
    case state::starting:
        return become(state::rereading, {{kind::read}});
    case state::running:
        return become(state::reading, {{kind::read}});
    case state::warming:
        return become(state::reading, {{kind::drop}, {kind::read}});
    case state::rereading:
    case state::reading:
    case state::preparing:
        once_more_ = true;
        return {};
    case state::stopping:
    case state::stopped:
        return {{kind::failed, "the server is stopping"}};
    }
    return {};
}

supervisor::actions supervisor::read() {
    if (state_ != state::rereading && state_ != state::reading) return {};
    if (std::exchange(once_more_, false)) return {{kind::drop}, {kind::read}};
    if (state_ == state::reading) return become(state::warming, {{kind::warm}});
    return become(state::starting, {{kind::adopt}, {kind::succeeded}, {kind::set_up}});
}

supervisor::actions supervisor::not_read(const std::string& why) {
    if (state_ != state::rereading && state_ != state::reading) return {};
    if (std::exchange(once_more_, false)) return {{kind::read}};
    const auto back = state_ == state::reading ? state::running : state::starting;
    return become(back, {{kind::failed, why}});
}

supervisor::actions supervisor::warmed() {
    if (state_ != state::warming) return {};
    return become(state::preparing, {{kind::prepare}});
}

supervisor::actions supervisor::not_warmed(const std::string& why) {
    return state_ == state::warming ? give_up(why) : actions{};
}

supervisor::actions supervisor::prepared() {
    if (state_ != state::preparing) return {};
    if (std::exchange(once_more_, false)) return become(state::reading, {{kind::take_over}, {kind::read}});
    return become(state::running, {{kind::take_over}, {kind::succeeded}});
}

supervisor::actions supervisor::not_prepared(const std::string& why) {
    return state_ == state::preparing ? give_up(why) : actions{};
}

supervisor::actions supervisor::give_up(const std::string& why) {
    if (std::exchange(once_more_, false)) return become(state::reading, {{kind::drop}, {kind::read}});
    return become(state::running, {{kind::drop}, {kind::failed, why}});
}

supervisor::actions supervisor::stop(bool remove_guard) {
    if (state_ == state::stopping || state_ == state::stopped) return {};
    actions then{{kind::be_quiet}};
    if (state_ != state::starting && state_ != state::running) {
        then.push_back({kind::drop});
        then.push_back({kind::failed, "the server is stopping"});
    }
    then.push_back({remove_guard ? kind::withdraw : kind::close});
    return become(remove_guard ? state::stopping : state::stopped, std::move(then));
}

supervisor::actions supervisor::withdrawn() {
    if (state_ != state::stopping) return {};
    return become(state::stopped, {{kind::close}});
}

} // namespace chronoknock
