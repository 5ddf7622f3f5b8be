#pragma once

#include "fleet/messages.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace chronoknock::fleet {

/// Asks for all entries between two names, as of one revision, in pages that fit into an answer. It ends,
/// whatever is answered.
class pages {
public:
    static constexpr std::int64_t most_of_page = 1000; ///< entries
    static constexpr std::uint64_t most = 5'000'000;   ///< entries of all pages: more is no fleet's

    explicit pages(std::pair<std::string, std::string> names) {
        next_.name = std::move(names.first);
        next_.end = std::move(names.second);
        next_.limit = most_of_page;
    }

    const range& next() const { return next_; }
    bool is_first() const { return next_.revision == 0; }
    bool is_over() const { return is_over_; }
    const header& as_of() const { return as_of_; }
    /// The answer to next() was too long; false: no page is smaller.
    bool halve() {
        if (next_.limit == 1) return false;
        next_.limit /= 2;
        return true;
    }
    /// The answer to next(); false: it is none, and problem() says why.
    bool take(const range_answer& a) {
        if (is_first()) as_of_ = a.head;
        count_ += a.entries.size();
        if (count_ > most) {
            problem_ = "there is too much under the fleet's prefix";
            return false;
        }
        is_over_ = !a.more;
        if (is_over_) return true;
        if (as_of_.revision <= 0 || a.entries.empty() || a.entries.back().name < next_.name) {
            problem_ = "its pages do not go on";
            return false;
        }
        next_.revision = as_of_.revision;
        next_.name = a.entries.back().name + '\0';
        next_.limit = std::min(2 * next_.limit, most_of_page);
        return true;
    }
    const std::string& problem() const { return problem_; }

private:
    range next_;
    header as_of_;
    std::uint64_t count_ = 0;
    bool is_over_ = false;
    std::string problem_;
};

} // namespace chronoknock::fleet
