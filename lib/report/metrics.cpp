#include "report/metrics.hpp"

#include "base/in_words.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace chronoknock::report {

namespace {

std::string number(double value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
}

std::string timestamp(unix_time t) {
    std::array<char, 32> text{};
    const auto ms = t.time_since_epoch() / milliseconds(1);
    const auto end = std::to_chars(text.data(), text.data() + text.size(), static_cast<double>(ms) / 1000,
                                   std::chars_format::fixed, 3)
                         .ptr;
    return {text.data(), end};
}

/// A bound of a bucket: OpenMetrics wants a point in it.
std::string bound(nanoseconds d) {
    auto text = number(in_seconds(d));
    // to_chars takes the shorter of "0.0001" and "1e-04"; Go, and with it Prometheus, the former.
    if (text.find('e') != text.npos) {
        std::array<char, 32> fixed{};
        text = {fixed.data(), std::to_chars(fixed.data(), fixed.data() + fixed.size(), in_seconds(d),
                                            std::chars_format::fixed)
                                  .ptr};
    }
    return text.find('.') == text.npos ? text + ".0" : text;
}

/// Writes families, one after the other.
class writer {
public:
    explicit writer(exposition form) : form_(form) {}

    /// Begins a family of counters: `name` without "_total".
    void counters(std::string_view name, std::string_view help) {
        sample_ = "chronoknock_" + std::string(name) + "_total";
        begin(form_ == exposition::openmetrics ? sample_.substr(0, sample_.size() - 6) : sample_, "counter",
              help);
    }
    void gauges(std::string_view name, std::string_view help) {
        sample_ = "chronoknock_" + std::string(name);
        begin(sample_, "gauge", help);
    }
    void sample(const std::string& value, std::string_view label = {}, std::string_view text = {}) {
        out_ += sample_;
        if (!label.empty()) out_.append("{").append(label).append("=\"").append(label_value(text)) += "\"}";
        out_.append(" ").append(value) += '\n';
    }
    void counter(std::string_view name, std::string_view help, std::uint64_t value) {
        counters(name, help);
        sample(std::to_string(value));
    }
    void gauge(std::string_view name, std::string_view help, const std::string& value) {
        gauges(name, help);
        sample(value);
    }

    void histogram(std::string_view name, std::string_view help, const chronoknock::histogram& h) {
        const auto family = "chronoknock_" + std::string(name);
        begin(family, "histogram", help);
        sample_ = family + "_bucket";
        for (std::size_t i = 0; i < h.bounds.size(); ++i)
            sample(std::to_string(h.up_to(i)), "le", bound(h.bounds[i]));
        sample(std::to_string(h.count()), "le", "+Inf");
        sample_ = family + "_sum";
        sample(number(in_seconds(h.sum())));
        sample_ = family + "_count";
        sample(std::to_string(h.count()));
    }

    std::string take() {
        if (form_ == exposition::openmetrics) out_ += "# EOF\n";
        return std::move(out_);
    }

private:
    void begin(const std::string& family, std::string_view type, std::string_view help) {
        out_.append("# HELP ").append(family).append(" ").append(help) += '\n';
        out_.append("# TYPE ").append(family).append(" ").append(type) += '\n';
    }

    exposition form_;
    std::string out_;
    std::string sample_;
};

void write_packets(writer& w, const metrics& m) {
    w.counter("packets", "Frames that the kernel's filter let by.", m.packets.seen);
    w.counter("syns", "TCP SYNs among them, addressed to this host.", m.packets.syns);
    w.counter("packets_malformed", "Frames that were cut short or contradicted themselves.",
              m.packets.malformed);
    w.counter("packets_elsewhere", "Frames that were addressed to others.", m.packets.elsewhere);
    w.counter("packets_dropped", "Frames that the kernel dropped because the ring was full.",
              m.packets.dropped);
    w.counter("syns_outside_pool", "SYNs to ports that no knock uses.", m.syns_outside);
    w.counter("stranger_syns",
              "Knock-like packets that were looked at, nearly all of them strangers'; begins anew when the "
              "configuration is read again.",
              m.syns_in_pool);
    w.counter("untimely_syns", "SYNs that came while no knock counted, for want of the time.",
              m.untimely_syns);
}

void write_knocks(writer& w, const metrics& m) {
    const auto& k = m.knocks;
    w.counters("knocks", "Complete knocks by what became of them; repeated: later rounds of granted ones.");
    for (const auto& [outcome, n] : {std::pair{"granted", k.granted},
                                     {"repeated", k.repeated},
                                     {"refused", k.refused},
                                     {"failed", k.failed}})
        w.sample(std::to_string(n), "outcome", outcome);
    w.counters("key_grants", "Knocks granted to a key: the first 1000 that were granted one.");
    for (const auto& key : m.keys) w.sample(std::to_string(key.granted), "key", key.name);
    w.counter("unlisted_key_grants", "Knocks granted to all other keys.", m.granted_to_others);
    w.gauges("key_last_grant_timestamp_seconds", "When a key was granted a knock last.");
    for (const auto& key : m.keys) w.sample(timestamp(key.last), "key", key.name);
    w.histogram("grant_delay_seconds",
                "From the last packet of a knock, when it is taken from the capture, until the firewall has "
                "the grant; by the clock that nobody steps.",
                m.delays);
}

void write_clock(writer& w, const metrics& m) {
    const auto flag = [](bool b) { return std::string(b ? "1" : "0"); };
    w.gauge("accepting", "Whether knocks are taken.", flag(m.accepting));
    w.gauge("clock_synchronised", "Whether enough time servers agree now, or the system clock is trusted.",
            flag(m.synchronised));
    if (m.clock) {
        w.gauge("clock_offset_seconds", "The time that the server goes by less the system clock.",
                number(in_seconds(m.clock->offset)));
        w.gauge("clock_error_seconds", "Bound on the error of the time that the server goes by.",
                number(in_seconds(m.clock->error)));
    }
    w.gauge("time_servers_agreeing", "Time servers that agree.", std::to_string(m.servers_agreeing));
    w.gauge("time_servers_needed", "Time servers that must agree.", std::to_string(m.servers_needed));
}

void write_fleet(writer& w, const fleet_figures& f) {
    const auto flag = [](bool b) { return std::string(b ? "1" : "0"); };
    w.gauge("fleet_connected", "Whether the fleet's cluster answers.", flag(!f.lost));
    w.gauge("fleet_watching", "Whether this host hears of what the others do.", flag(f.watching));
    w.gauge("fleet_endpoints", "Endpoints of the cluster.", std::to_string(f.endpoints));
    w.gauge("fleet_endpoints_answering", "Endpoints of the cluster that answer.",
            std::to_string(f.answering));
    w.gauge("fleet_live_grants", "Live grants of the fleet's keys, on whichever host.",
            std::to_string(f.grants));
    w.counter("fleet_burnt", "Knocks that this host took for the fleet.", f.burnt);
    w.counter("fleet_shared_grants", "Knocks on other hosts that opened something here.", f.shared);
    w.counter("fleet_ignored_entries", "Entries in the cluster that are not the fleet's.", f.ignored);
    w.counter("fleet_lost", "How often the cluster was lost.", f.times_lost);
}

} // namespace

std::string to_text(const metrics& m, exposition form) {
    writer w(form);
    w.gauges("build_info", "The version, as a label.");
    w.sample("1", "version", m.version);
    w.gauge("start_time_seconds", "When the server started, by the system clock.", timestamp(m.started));
    write_clock(w, m);
    write_packets(w, m);
    write_knocks(w, m);
    if (m.grants)
        w.gauge("live_grants", "Grants that let in new connections now.", std::to_string(*m.grants));
    w.gauge("burnt_knocks", "Used knocks that are remembered.", std::to_string(m.burnt));
    if (m.fleet) write_fleet(w, *m.fleet);
    w.gauge("configured_keys", "Keys of the configuration.", std::to_string(m.keys_configured));
    return w.take();
}

std::string_view media_type(exposition form) {
    return form == exposition::openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                           : "text/plain; version=0.0.4; charset=utf-8";
}

exposition asked_for(std::string_view accept) {
    for (const auto range : split_list(accept)) {
        std::string name;
        for (const char c : trim(range.substr(0, range.find(';'))))
            name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        if (name != "application/openmetrics-text") continue;
        bool refused = false;
        for (auto rest = range; rest.find(';') != rest.npos;) {
            rest.remove_prefix(rest.find(';') + 1);
            const auto parameter = trim(rest.substr(0, rest.find(';')));
            refused |= parameter.starts_with("q=0") && parameter.find_first_of("123456789") == parameter.npos;
        }
        if (!refused) return exposition::openmetrics;
    }
    return exposition::prometheus;
}

std::string label_value(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        if (c == '\\' || c == '"')
            safe.append({'\\', c});
        else if (c == '\n')
            safe += "\\n";
        else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f)
            safe += '?';
        else
            safe += c;
    }
    return safe;
}

} // namespace chronoknock::report
