#pragma once

#include "fleet/seal.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <string>
#include <utility>

namespace chronoknock::fleet {

/// Tries to burn a token of which nobody knows what came of them: the next one says the same, so that a token
/// that was burnt by a lost answer's try is known to be this host's. The host's name alone does not tell: by
/// a mistake two have it.
class attempts {
public:
    static constexpr std::size_t most = 1000; ///< later ones push out the oldest

    /// What the try says for this token (its entry's name). fresh: if it is the first.
    const attempt_id& of(const std::string& token, const attempt_id& fresh) const {
        const auto found = std::ranges::find(failed_, token, &one::first);
        return found == failed_.end() ? fresh : found->second;
    }
    void failed(const std::string& token, const attempt_id& said) {
        settled(token);
        if (failed_.size() == most) failed_.pop_front();
        failed_.emplace_back(token, said);
    }
    /// The cluster has said something for good.
    void settled(const std::string& token) {
        std::erase_if(failed_, [&](const one& f) { return f.first == token; });
    }

private:
    using one = std::pair<std::string, attempt_id>;
    std::deque<one> failed_;
};

} // namespace chronoknock::fleet
