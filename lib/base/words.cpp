#include "base/words.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace chronoknock {

namespace {

/// Edits between two words (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i)
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            const bool same = a[i - 1] == b[j - 1];
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + !same});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size()][b.size()];
}

} // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
    constexpr std::size_t longest = 64;
    std::string_view best;
    std::size_t least = 3;
    for (const auto k : known) {
        if (word.size() > longest || k.size() > longest) continue;
        const auto edits = distance(word, k);
        if (edits >= least || 2 * edits > std::min(word.size(), k.size())) continue;
        least = edits;
        best = k;
    }
    return best;
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
    std::string out;
    std::size_t column = indent;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(" \n"), text.size());
        const auto word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (word.empty()) continue;
        if (out.empty()) {
            // the first word stands where the caller is
        } else if (column + 1 + word.size() > width) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
        } else {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
    }
    return out;
}

result<std::vector<std::string>> split_words(std::string_view text) {
    std::vector<std::string> words;
    std::optional<std::string> word; // none: between two words
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (c == ' ' || c == '\t') {
            if (word) words.push_back(*std::exchange(word, std::nullopt));
            continue;
        }
        if (!word) word.emplace();
        if (c != '\'' && c != '"') {
            *word += c;
            continue;
        }
        const auto end = text.find(c, at + 1);
        if (end == text.npos) return error{std::string("expected another ") + c + " after the first one"};
        word->append(text, at + 1, end - at - 1);
        at = end;
    }
    if (word) words.push_back(std::move(*word));
    return words;
}

} // namespace chronoknock
