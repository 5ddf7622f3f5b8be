#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chronoknock::packet {

/// Makes lines of text that comes in pieces. A line that is longer than most_line is passed over to its end,
/// so no part of it is ever taken for a line.
class line_splitter {
public:
    /// The kernel writes at most 1,024 bytes, and a syslog daemon time and host before them.
    static constexpr std::size_t most_line = 2048;

    /// Gives the lines that the text completes, each without its line break. One is valid during the call.
    template <class Each>
    void take(std::string_view text, Each each);

    /// Forgets the line that has begun. inside: what comes next is the rest of a line that was not seen from
    /// its beginning, and is passed over.
    void restart(bool inside) {
        cut_ += !partial_.empty();
        partial_.clear();
        skipping_ = inside;
    }

    /// Lines that were longer than most_line.
    std::uint64_t too_long() const { return too_long_; }
    /// Lines whose end never came.
    std::uint64_t cut() const { return cut_; }

private:
    std::string partial_;
    bool skipping_ = false;
    std::uint64_t too_long_ = 0;
    std::uint64_t cut_ = 0;
};

template <class Each>
void line_splitter::take(std::string_view text, Each each) {
    const auto give = [&](std::string_view one) {
        if (one.ends_with('\r')) one.remove_suffix(1);
        each(one);
    };
    while (!text.empty()) {
        if (partial_.empty() && !skipping_) {
            // A writer that goes on at its old place in a file that was cut to nothing leaves zeros before
            // it.
            text.remove_prefix(std::min(text.find_first_not_of('\0'), text.size()));
            if (text.empty()) return;
        }
        const auto end = text.find('\n');
        const auto part = text.substr(0, end);
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        if (!skipping_ && partial_.size() + part.size() > most_line) {
            partial_.clear();
            skipping_ = true;
            ++too_long_;
        }
        if (skipping_) {
            skipping_ = end == text.npos;
        } else if (end == text.npos) {
            partial_ += part;
        } else if (partial_.empty()) {
            give(part);
        } else {
            partial_ += part;
            give(partial_);
            partial_.clear();
        }
    }
}

} // namespace chronoknock::packet
