#pragma once

#include "base/time.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::fleet {

/// Which of a cluster's endpoints is asked, and how the cluster does: by what came of asking.
class link {
public:
    enum class state {
        starting,  ///< nothing is known yet
        connected, ///< it answers, by each endpoint
        degraded,  ///< it answers; some endpoint does not
        full,      ///< it answers, and takes no writes: there is no room left
        lost       ///< no endpoint has answered for a while
    };
    static constexpr nanoseconds patience = seconds(3); ///< longer than etcd takes to choose a leader
    static constexpr nanoseconds probe_every = seconds(5);

    explicit link(std::vector<std::string> endpoints, instant now);

    /// The one to be asked.
    std::size_t current() const { return current_; }
    std::size_t size() const { return ends_.size(); }
    const std::string& name(std::size_t which) const { return ends_[which].name; }
    /// Why it does not answer; empty: it does, or was not asked.
    const std::string& problem(std::size_t which) const { return ends_[which].problem; }

    void answered(std::size_t which, instant now);
    /// It answers that the cluster takes no writes; so it is until wrote().
    void refused_write(std::size_t which, const std::string& why, instant now);
    void wrote(instant now);
    /// The next one is to be asked then.
    void failed(std::size_t which, const std::string& why, instant now);
    /// One that is to be asked now whether it answers, since nothing else asks it: it failed, or is not the
    /// current one. None: none is due.
    std::optional<std::size_t> to_probe(instant now);

    state now() const { return state_; }
    bool takes_writes() const { return state_ != state::lost && state_ != state::full; }
    bool is_lost() const { return state_ == state::lost; }
    std::size_t answering() const;
    /// In one line; empty: nothing is wrong.
    std::string problem() const;
    /// Since the last call the state has changed.
    bool take_change() { return std::exchange(changed_, false); }

private:
    struct endpoint {
        std::string name;
        std::string problem{};
        instant asked{};
    };
    void settle(instant now);
    std::size_t next() const;

    std::vector<endpoint> ends_;
    std::size_t current_ = 0;
    state state_ = state::starting;
    instant answered_;
    std::string full_; ///< why it takes no writes
    bool changed_ = false;
};

const char* to_string(link::state s);

} // namespace chronoknock::fleet
