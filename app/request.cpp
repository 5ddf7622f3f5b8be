#include "app/request.hpp"

#include <chrono>

namespace chronoknock::app {

namespace {

using namespace std::chrono_literals;

constexpr nanoseconds most_open_for = 720h; // as [service.NAME] max_open_for

[[noreturn]] void refuse(std::string_view option, const std::string& text) {
    throw stop{unfit(option, error{text})};
}

/// The option's text, if it was given and the method carries it.
std::optional<std::string> carried(const po::variables_map& options, const std::string& name, bool carries,
                                   const key::credential& k) {
    const auto text = given(options, name);
    if (text && !carries)
        refuse(name, "expected none: knocks of the method " + std::string(k.method()) + " do not say that");
    return text;
}

} // namespace

std::string server_has_it(const std::string& file) {
    return file + ": expected the client's file of the two; the server's cannot knock";
}

void add_request_options(po::options_description& options, bool comes_in) {
    options.add_options()                                                                                   //
        ("carrier", text("NAME"), "what the message travels by: ports, udp, icmp or dns (the key's first)") //
        ("open-for", text("TIME"), "ask for so long: 90, 10m, 1h (as the service says)");
    if (comes_in) return;
    options.add_options()                                                   //
        ("for", text("IP"), "open for this address instead of the own one") //
        ("close", "end what the key has opened, instead of opening");
}

void read_request(const po::variables_map& options, const key::credential& k, method::knock_request& r) {
    const auto& carries = method::method_of(k).carries;
    if (const auto text = given(options, "carrier")) {
        const auto known = k.carriers();
        if (known.empty())
            refuse("carrier", "expected none: knocks of the method " + std::string(k.method()) +
                                  " have one way to travel");
        const auto c = key::parse_carrier(*text, known);
        if (!c) throw stop{unfit("carrier", c.error())};
        r.carrier = *c;
    }
    if (const auto text = carried(options, "for", carries.beneficiary, k)) {
        const auto a = address::parse(*text);
        if (!a) throw stop{unfit("for", a.error())};
        r.beneficiary = *a;
    }
    if (const auto text = carried(options, "open-for", carries.open_for, k)) {
        const auto t = parse_duration(*text, 1s, most_open_for);
        if (!t) throw stop{unfit("open-for", t.error())};
        r.open_for = *t;
    }
    if (options.count("close")) {
        if (!carries.close)
            refuse("close",
                   "expected none: knocks of the method " + std::string(k.method()) + " do not say that");
        r.close = true;
    }
}

} // namespace chronoknock::app
