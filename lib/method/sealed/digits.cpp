#include "method/sealed/digits.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>

namespace chronoknock::sealed {

namespace {

constexpr std::size_t most_values = 4;    // of a digit that are told apart: others' noise was there before
constexpr std::size_t most_fallbacks = 6; // all subsets of them are 64
constexpr std::size_t most_tried = 256;   // messages put together in one search
constexpr unsigned tag_bits = 8 * tag_size;

} // namespace

digit_search::verdict digit_search::operator()(const layout& l, const std::multiset<std::uint32_t>& tags,
                                               std::span<const method::seen> syns, std::size_t fresh, depth d,
                                               const judge& attempt) {
    layout_ = l;
    tag_digits_ = (tag_bits + l.bits - 1) / l.bits;
    tags_ = &tags;
    attempt_ = &attempt;
    depth_ = d;
    left_some_ = false;
    tried_ = 0;
    if (syns.size() < l.digits() || tags.empty()) return verdict::sealed_by_none;
    chosen_.resize(l.digits());
    if (l.order == order::sequential) return try_in_order(syns, fresh);
    return gather(syns) ? try_digit(0, 0) : verdict::sealed_by_none;
}

/// False if some digit was not seen.
bool digit_search::gather(std::span<const method::seen> syns) {
    if (seen_.size() < layout_.digits()) seen_.resize(layout_.digits());
    for (auto& values : seen_) values.clear();
    const std::uint32_t end = layout_.last_port() + 1;
    const std::uint32_t mask = (1u << layout_.bits) - 1;
    const std::uint32_t filling = (1u << layout_.filling()) - 1;
    std::size_t missing = layout_.digits();
    for (auto at = syns.size(); at-- > 0;) {
        const std::uint32_t port = syns[at].port;
        if (port < layout_.base || port >= end) continue;
        const auto digit = (port - layout_.base) >> layout_.bits;
        const auto says = static_cast<std::uint16_t>((port - layout_.base) & mask);
        if (digit + 1 == layout_.digits() && (says & filling) != 0) continue;
        auto& values = seen_[digit];
        if (values.size() == most_values || std::ranges::find(values, says, &value::digit) != values.end())
            continue;
        if (values.empty()) --missing;
        values.push_back({says, at});
    }
    return missing == 0;
}

/// Goes on from those digits of the tag that have been chosen, where live tags begin with them.
digit_search::verdict digit_search::try_digit(std::size_t digit, std::uint64_t before) {
    for (const auto& v : seen_[digit]) {
        chosen_[digit] = v;
        const auto bits = before << layout_.bits | v.digit;
        const auto known = (digit + 1) * layout_.bits;
        auto result = verdict::sealed_by_none;
        if (known >= tag_bits) {
            if (tags_->contains(static_cast<std::uint32_t>(bits >> (known - tag_bits)))) result = try_tag();
        } else {
            const auto least = bits << (tag_bits - known);
            const auto after = least + (std::uint64_t{1} << (tag_bits - known));
            const auto next = tags_->lower_bound(static_cast<std::uint32_t>(least));
            if (next != tags_->end() && *next < after) result = try_digit(digit + 1, bits);
        }
        if (result != verdict::sealed_by_none) return result;
    }
    return verdict::sealed_by_none;
}

/// The rest of the message: the newest of each digit. Noise that came after a digit of the knock stands
/// before it then; so, the newest first, what it stands before is tried in its place, some of it at a time.
digit_search::verdict digit_search::try_tag() {
    fallbacks_.clear();
    for (auto digit = tag_digits_; digit < layout_.digits(); ++digit) {
        chosen_[digit] = seen_[digit].front();
        for (std::size_t rank = 1; rank < seen_[digit].size(); ++rank)
            fallbacks_.push_back({digit, seen_[digit][rank]});
    }
    if (depth_ == depth::newest) {
        left_some_ = left_some_ || !fallbacks_.empty();
        return try_one(chosen_);
    }
    const auto kept = std::min(fallbacks_.size(), most_fallbacks);
    std::ranges::partial_sort(fallbacks_, fallbacks_.begin() + static_cast<std::ptrdiff_t>(kept),
                              std::greater<>(), [](const fallback& f) { return f.instead.at; });
    for (std::uint32_t subset = 0; subset < 1u << kept; ++subset) {
        changed_ = chosen_;
        for (std::size_t i = 0; i < kept; ++i)
            if (subset >> i & 1) changed_[fallbacks_[i].digit] = fallbacks_[i].instead;
        if (const auto result = try_one(changed_); result != verdict::sealed_by_none) return result;
    }
    return verdict::sealed_by_none;
}

/// In order and nothing between, but what TCP sends again by itself.
digit_search::verdict digit_search::try_in_order(std::span<const method::seen> syns, std::size_t fresh) {
    const std::uint32_t end = layout_.last_port() + 1;
    boost::unordered_flat_set<std::uint32_t> before;
    before.reserve(syns.size());
    std::vector<value> all;
    for (std::size_t at = 0; at < syns.size(); ++at) {
        const auto& s = syns[at];
        if (s.port < layout_.base || s.port >= end) continue;
        if (!before.insert(std::uint32_t{s.port} << 16 | s.id).second) continue;
        all.push_back({static_cast<std::uint16_t>(s.port - layout_.base), at});
        if (all.size() < layout_.digits() || at + fresh < syns.size()) continue;
        const auto last = std::span(all).last(layout_.digits());
        std::uint64_t tag = 0;
        for (std::size_t i = 0; i < tag_digits_; ++i) tag = tag << layout_.bits | last[i].digit;
        tag >>= tag_digits_ * layout_.bits - tag_bits;
        if (!tags_->contains(static_cast<std::uint32_t>(tag))) continue;
        if (const auto result = try_one(last); result != verdict::sealed_by_none) return result;
    }
    return verdict::sealed_by_none;
}

digit_search::verdict digit_search::try_one(std::span<const value> chosen) {
    if (tried_++ == most_tried) return verdict::enough;
    digits_.clear();
    std::size_t first = ~std::size_t{0};
    for (const auto& v : chosen) {
        digits_.push_back(v.digit);
        first = std::min(first, v.at);
    }
    const auto m = assemble(digits_, layout_);
    return m ? (*attempt_)(*m, first) : verdict::sealed_by_none;
}

} // namespace chronoknock::sealed
