#pragma once

#include "method/sealed/layout.hpp"
#include "method/tracker.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <vector>

namespace chronoknock::sealed {

/// Finds the messages that the SYNs of one address may stand for: those whose tag is live. Which of them is
/// sealed by a key is for the caller to say, at a price; so they come in the order of their likelihood, and
/// the caller says when it is enough.
class digit_search {
public:
    enum class verdict {
        sealed_by_none, ///< try the next one
        opened,         ///< it is found
        enough          ///< no more for now
    };
    /// Judges a message; first: the oldest of its SYNs, an index into those that were searched.
    using judge = std::function<verdict(const message&, std::size_t first)>;

    /// How much is tried.
    enum class depth {
        newest, ///< of each digit of a message its newest value
        older,  ///< and older ones in place of some
    };

    /// syns: of one address, the oldest first; only one of the last `fresh` may complete a message. Gives the
    /// last verdict.
    verdict operator()(const layout& l, const std::multiset<std::uint32_t>& tags,
                       std::span<const method::seen> syns, std::size_t fresh, depth d, const judge& attempt);
    /// True if the last search left older values untried.
    bool left_some() const { return left_some_; }

private:
    /// What a SYN says of a digit.
    struct value {
        std::uint16_t digit;
        std::size_t at; ///< index of the SYN: the higher the newer
    };
    struct fallback {
        std::size_t digit; ///< which of the message
        value instead;
    };

    bool gather(std::span<const method::seen> syns);
    verdict try_digit(std::size_t digit, std::uint64_t before);
    verdict try_tag();
    verdict try_in_order(std::span<const method::seen> syns, std::size_t fresh);
    verdict try_one(std::span<const value> chosen);

    sealed::layout layout_;
    std::size_t tag_digits_ = 0; ///< how many of the first digits have the tag in them
    const std::multiset<std::uint32_t>* tags_ = nullptr;
    const judge* attempt_ = nullptr;
    depth depth_ = depth::newest;
    bool left_some_ = false;
    std::size_t tried_ = 0;
    std::vector<std::vector<value>> seen_; ///< of each digit, different ones, the newest first
    std::vector<value> chosen_;            ///< of each digit, what is being tried
    std::vector<value> changed_;
    std::vector<fallback> fallbacks_;
    std::vector<std::uint16_t> digits_;
};

} // namespace chronoknock::sealed
