#pragma once

#include "app/way.hpp"
#include "client/stun.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace chronoknock::app {

/// Which addresses the server sees, asked of the order's STUN servers in the background from when this is
/// made: for each way where a router replaces the source, unless the user has said it or it is nothing to the
/// key.
class source_question {
public:
    source_question(const order& o, const std::vector<way>& ways);
    /// Asks no longer.
    ~source_question();
    source_question(const source_question&) = delete;
    source_question& operator=(const source_question&) = delete;

    bool asks() const;
    /// Readable when there are answers.
    int answered() const;
    /// Waits for them. Of each way the answer; none: there was nothing to ask.
    const std::vector<std::optional<result<client::stun_agreement>>>& answers();
    /// Puts the answers into the ways. A message has been said where it throws stop; with --verbose one says,
    /// too, that nobody confirms a single server's answer.
    void settle(std::vector<way>& ways);

private:
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace chronoknock::app
