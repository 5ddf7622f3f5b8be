#include "report/chart.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace chronoknock::report {

namespace {

constexpr int width = 1000; // of a picture, stretched to what the page has
constexpr int height = 200;
constexpr int labels = 5; // below it

/// Two decimals at most.
std::string coordinate(double x) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f", x);
    std::string s = text.data();
    while (s.ends_with('0')) s.pop_back();
    if (s.ends_with('.')) s.pop_back();
    return s;
}

std::string rectangle(double x, double y, double w, double h, std::string_view style,
                      std::string_view title) {
    return "<rect class=\"" + std::string(style) + "\" x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) +
           "\" width=\"" + coordinate(w) + "\" height=\"" + coordinate(h) + "\"><title>" + escaped(title) +
           "</title></rect>";
}

std::string line_at(double y, std::string_view style) {
    return "<line class=\"" + std::string(style) + "\" x1=\"0\" x2=\"" + std::to_string(width) + "\" y1=\"" +
           coordinate(y) + "\" y2=\"" + coordinate(y) + "\"/>";
}

/// "28 Nov", or with less than three days "28 Nov 14:05".
std::string moment(unix_time t, bool with_time) {
    static constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto days = std::chrono::floor<std::chrono::days>(t);
    const std::chrono::year_month_day date{days};
    std::array<char, 48> text{};
    const auto since = std::chrono::floor<std::chrono::minutes>(t - days).count();
    const auto* month = months.at(static_cast<unsigned>(date.month()) - 1);
    const auto day = static_cast<unsigned>(date.day());
    if (with_time)
        std::snprintf(text.data(), text.size(), "%u %s %02d:%02d", day, month, static_cast<int>(since / 60),
                      static_cast<int>(since % 60));
    else
        std::snprintf(text.data(), text.size(), "%u %s", day, month);
    return text.data();
}

struct legend_entry {
    std::string_view name;
    std::string_view style;
};

/// A picture with what stands around it.
std::string figure(std::string_view title, const std::vector<legend_entry>& legend,
                   const std::vector<std::string>& heights, const time_axis& axis,
                   const std::string& drawing) {
    std::string out = "<figure><figcaption><b>" + escaped(title) + "</b>";
    for (const auto& l : legend)
        out += " <span class=\"key\"><i class=\"" + std::string(l.style) + "\"></i>" + escaped(l.name) +
               "</span>";
    out += "</figcaption><div class=\"plot\"><div class=\"y\">";
    for (const auto& h : heights) out += "<span>" + escaped(h) + "</span>";
    out += "</div><svg role=\"img\" aria-label=\"" + escaped(title) + "\" viewBox=\"0 0 " +
           std::to_string(width) + " " + std::to_string(height) + "\" preserveAspectRatio=\"none\">" +
           drawing + "</svg><div class=\"x\">";
    const bool with_time = axis.end - axis.begin < std::chrono::days(3);
    for (int i = 0; i < labels; ++i)
        out +=
            "<span>" + moment(axis.begin + (axis.end - axis.begin) / (labels - 1) * i, with_time) + "</span>";
    return out + "</div></div></figure>\n";
}

} // namespace

std::optional<std::size_t> time_axis::column(unix_time t) const {
    if (t < begin || t >= end) return std::nullopt;
    const auto share = std::chrono::duration<double>(t - begin) / std::chrono::duration<double>(end - begin);
    return std::min(columns - 1, static_cast<std::size_t>(share * static_cast<double>(columns)));
}

unix_time time_axis::start_of(std::size_t column) const {
    return begin + (end - begin) / static_cast<std::int64_t>(columns) * static_cast<std::int64_t>(column);
}

std::string bar_chart(std::string_view title, const time_axis& axis, const std::vector<bar_kind>& kinds,
                      const std::vector<bool>& known) {
    std::uint64_t highest = 1;
    for (std::size_t c = 0; c < axis.columns; ++c) {
        std::uint64_t sum = 0;
        for (const auto& k : kinds) sum += k.counts[c];
        highest = std::max(highest, sum);
    }
    const auto top = round_up(highest);
    const double column = double{width} / static_cast<double>(axis.columns);
    std::string drawing;
    for (std::size_t c = 0; c < known.size();) {
        const auto from = c;
        while (c < known.size() && !known[c]) ++c;
        if (c > from)
            drawing +=
                rectangle(column * static_cast<double>(from), 0, column * static_cast<double>(c - from),
                          height, "unknown", "nothing is known of this time");
        else
            ++c;
    }
    drawing += line_at(0, "grid") + line_at(height / 2.0, "grid");
    for (std::size_t c = 0; c < axis.columns; ++c) {
        double foot = height;
        std::string all = moment(axis.start_of(c), true);
        for (const auto& k : kinds)
            if (k.counts[c] > 0) all += ", " + std::to_string(k.counts[c]) + " " + std::string(k.name);
        for (const auto& k : kinds) {
            if (k.counts[c] == 0) continue;
            const auto share = std::min(1.0, static_cast<double>(k.counts[c]) / static_cast<double>(top));
            const double tall = std::max(1.5, height * share); // one among thousands is seen
            foot -= tall;
            drawing += rectangle(column * (static_cast<double>(c) + 0.1), std::max(0.0, foot), column * 0.8,
                                 tall, k.style, all);
        }
    }
    drawing += line_at(height, "axis");
    std::vector<legend_entry> legend;
    for (const auto& k : kinds) legend.push_back({k.name, k.style});
    if (std::ranges::find(known, false) != known.end()) legend.push_back({"not known", "unknown"});
    return figure(title, legend, {grouped(top), top % 2 == 0 ? grouped(top / 2) : "", "0"}, axis, drawing);
}

std::string band_chart(std::string_view title, const time_axis& axis,
                       const std::vector<std::optional<band_column>>& columns) {
    std::vector<nanoseconds> reaches;
    for (const auto& c : columns)
        if (c) reaches.push_back(std::max(c->middle, -c->middle) + c->reach);
    std::ranges::sort(reaches);
    // The first moments after a start are uncertain by far more than the rest: they may leave the picture.
    const auto usual = reaches.empty() ? nanoseconds(0) : reaches[(reaches.size() - 1) * 95 / 100];
    const nanoseconds top(static_cast<std::int64_t>(
        round_up(static_cast<std::uint64_t>(std::max(usual, nanoseconds(1000)).count()))));
    const double column = double{width} / static_cast<double>(columns.size());
    const auto y = [&](nanoseconds d) {
        const auto share = static_cast<double>(d.count()) / static_cast<double>(top.count());
        return height / 2.0 - std::clamp(share, -1.0, 1.0) * height / 2.0;
    };
    std::string drawing = line_at(0, "grid") + line_at(height, "grid") + line_at(height / 2.0, "axis");
    for (std::size_t c = 0; c < columns.size();) {
        if (!columns[c]) {
            ++c;
            continue;
        }
        std::string over, under, middle;
        const auto add = [&](double x, const band_column& b) {
            const auto at = coordinate(x) + ",";
            over += at + coordinate(y(b.middle + b.reach)) + " ";
            under = at + coordinate(y(b.middle - b.reach)) + " " + under;
            middle += at + coordinate(y(b.middle)) + " ";
        };
        for (; c < columns.size() && columns[c]; ++c) {
            add(column * static_cast<double>(c), *columns[c]);
            add(column * static_cast<double>(c + 1), *columns[c]);
        }
        drawing += "<polygon class=\"band\" points=\"" + over + under +
                   "\"/><polyline class=\"middle\" points=\"" + middle + "\"/>";
    }
    const auto beyond = std::ranges::count_if(reaches, [&](nanoseconds r) { return r > top; });
    const auto more = std::to_string(beyond) + " beyond the picture";
    std::vector<legend_entry> legend{{"offset", "middle"}, {"bound on the error", "band"}};
    if (beyond > 0) legend.push_back({more, "none"});
    return figure(title, legend, {"+" + length(top), "0", "-" + length(top)}, axis, drawing);
}

std::string strip(std::string_view label, const std::vector<std::uint64_t>& counts) {
    std::string out = "<svg class=\"strip\" role=\"img\" aria-label=\"" + escaped(label) +
                      "\" viewBox=\"0 0 " + std::to_string(counts.size()) +
                      " 1\" preserveAspectRatio=\"none\">";
    for (std::size_t c = 0; c < counts.size(); ++c)
        if (counts[c] > 0)
            out +=
                "<rect class=\"granted\" x=\"" + std::to_string(c) + "\" y=\"0\" width=\"1\" height=\"1\"/>";
    return out + "</svg>";
}

std::string share_bar(std::uint64_t n, std::uint64_t most) {
    const auto share = static_cast<double>(n) / static_cast<double>(std::max<std::uint64_t>(most, 1));
    return "<svg class=\"strip\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
           "<rect class=\"refused\" x=\"0\" y=\"0\" width=\"" +
           coordinate(100 * share) + "\" height=\"1\"/></svg>";
}

std::uint64_t round_up(std::uint64_t n) {
    for (std::uint64_t unit = 1;; unit *= 10)
        for (const unsigned step : {1u, 2u, 5u})
            if (n <= step * unit || unit >= 1'000'000'000'000'000'000) return step * unit;
}

std::string length(nanoseconds d) {
    const auto size = std::chrono::duration<double>(d < nanoseconds(0) ? -d : d).count();
    const auto [scale, unit] = size < 1e-3 ? std::pair(1e6, " us")
                               : size < 1  ? std::pair(1e3, " ms")
                                           : std::pair(1.0, " s");
    return (d < nanoseconds(0) ? "-" : "") + coordinate(size * scale) + unit;
}

std::string grouped(std::uint64_t n) {
    auto text = std::to_string(n);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), ",");
    return text;
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : printable(text)) switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        case '\'':
            out += "&#39;";
            break;
        default:
            out += c;
        }
    return out;
}

} // namespace chronoknock::report
