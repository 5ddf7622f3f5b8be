#include "client/diagnosis.hpp"

#include "base/in_words.hpp"
#include "client/reach.hpp"

#include <array>

namespace chronoknock::client {

namespace {

using facts = knock_facts;

std::string door(const facts& f) { return "port " + std::to_string(f.port); }

std::string packets(const facts& f) {
    return std::to_string(f.sent) + (f.sent == 1 ? " packet" : " packets");
}

constexpr const char* ask_the_server = "on the server, chronoknock status and its log say which";

/// That it is there, if that is known.
std::string told_host(const facts& f) {
    if (!f.hears_answers) return f.host;
    return f.host + " is there (" + std::to_string(f.answered) + " of " + packets(f) + " were answered)";
}

bool silent(const facts& f) {
    return f.hears_answers && f.answered == 0 && f.after != port_state::open &&
           f.after != port_state::refused && f.before != port_state::open && f.before != port_state::refused;
}

struct row {
    cause why;
    bool (*fits)(const facts&);
    std::string (*reason)(const facts&);
    std::string (*advice)(const facts&);
};

std::string nothing(const facts&) { return {}; }

/// In the order to look: what is certain before what is likely, what hides all else before the rest.
constexpr std::array<row, 14> rows = {{
    {cause::open_before, [](const facts& f) { return f.before == port_state::open; },
     [](const facts& f) { return door(f) + " was open before the knock, so that tells nothing of the key"; },
     [](const facts&) { return std::string("try again once it has shut, or from another address"); }},

    {cause::none, [](const facts& f) { return f.after == port_state::open; }, nothing, nothing},

    {cause::nothing_listens,
     [](const facts& f) { return f.before == port_state::silent && f.after == port_state::refused; },
     [](const facts& f) { return "the knock opened " + door(f) + ", but nothing listens there"; },
     [](const facts&) { return std::string("start the service on the server, or name the port it has"); }},

    {cause::no_way, [](const facts& f) { return !f.obstacle.empty() && f.answered == 0; },
     [](const facts& f) { return "there is no way to " + f.target.to_string() + ": " + f.obstacle; },
     [](const facts& f) { return "see whether " + f.host + " is up and that address still its own"; }},

    {cause::translated,
     [](const facts& f) { return f.heeds_address && !f.source_told && is_translated(f.source, f.target); },
     [](const facts& f) {
         return "the knock was made for " + f.source.to_string() +
                ", and a router on the way replaces that address";
     },
     [](const facts&) {
         return std::string("give --stun HOST, which asks for the address that the server sees, or --source "
                            "IP; a key with ignore = ip needs neither");
     }},

    {cause::clock_far_off,
     [](const facts& f) {
         return f.granularity != 0 && f.clock != time_source::none &&
                f.clock_error > nanoseconds(seconds(f.granularity)) / 2;
     },
     [](const facts& f) {
         return "the clock may be off by " + in_words(f.clock_error) +
                ", more than half of the key's granularity of " + std::to_string(f.granularity) + " s";
     },
     [](const facts&) { return std::string("name nearer time servers with --time-server"); }},

    {cause::dead, silent,
     [](const facts& f) {
         return "nothing came back from " + f.target.to_string() + ": " + packets(f) +
                " of the knock and all tries met silence";
     },
     [](const facts& f) {
         return "see whether " + f.host +
                " is up and that address its own; a firewall before it must let the knock through";
     }},

    {cause::refuses, [](const facts& f) { return f.after == port_state::refused; },
     [](const facts& f) {
         return door(f) +
                " answers as a closed port does: nothing listens there, or the server answers so to "
                "whom it does not know (unauthorized = reset)";
     },
     [](const facts&) { return std::string(ask_the_server); }},

    {cause::no_answer, [](const facts& f) { return f.asks && !f.was_asked_back && !f.service_opened; },
     [](const facts& f) {
         return f.host + " did not answer the request: it is not there, does not take this key, its clock or "
                         "this one is off, or the packets got lost";
     },
     [](const facts& f) { return "see whether " + f.host + " is up; " + ask_the_server; }},

    {cause::clock_unknown, [](const facts& f) { return f.clock == time_source::unvouched; },
     [](const facts& f) {
         return told_host(f) +
                ", but the knock went by the system clock, and nobody knows how far that is off";
     },
     [](const facts&) { return std::string("give --time-server HOST in place of none"); }},

    {cause::server_state,
     [](const facts& f) { return f.service_opened || (f.key_opened && f.service.empty()); },
     [](const facts& f) {
         return told_host(f) + " and this key has opened " +
                (f.service.empty() ? "this door" : "'" + f.service + "'") +
                " before: the server has no time at present, does not run, or does not take the key any more";
     },
     [](const facts&) { return std::string(ask_the_server); }},

    {cause::first_start, [](const facts& f) { return f.one_window && f.granularity != 0 && !f.key_opened; },
     [](const facts& f) {
         return told_host(f) + ", but a server that has just been started for the first time takes no knock "
                               "for a window that began before";
     },
     [](const facts& f) {
         return "knock again after " + std::to_string(f.granularity) +
                " s, or give --wait-limit more than that";
     }},

    {cause::service, [](const facts& f) { return f.key_opened && !f.service.empty(); },
     [](const facts& f) {
         return "this key has opened other things on " + f.host + ", but never '" + f.service +
                "': the server has no service of that name, or not for this key";
     },
     [](const facts&) {
         return std::string("on the server, chronoknock check lists the services of each key");
     }},

    {cause::key, [](const facts&) { return true; },
     [](const facts& f) {
         return told_host(f) + " but does not take this key" +
                (f.service.empty() ? "" : " for '" + f.service + "'") +
                ": its file there is another, or there is none";
     },
     [](const facts&) {
         return std::string("compare the key's fingerprint on both ends; ") + ask_the_server;
     }},
}};

} // namespace

std::string_view to_string(cause c) {
    switch (c) {
    case cause::none:
        return "none";
    case cause::open_before:
        return "open-before";
    case cause::no_way:
        return "no-way";
    case cause::nothing_listens:
        return "nothing-listens";
    case cause::translated:
        return "translated";
    case cause::clock_far_off:
        return "clock-far-off";
    case cause::dead:
        return "dead";
    case cause::refuses:
        return "refuses";
    case cause::clock_unknown:
        return "clock-unknown";
    case cause::first_start:
        return "first-start";
    case cause::server_state:
        return "server-state";
    case cause::service:
        return "service";
    case cause::no_answer:
        return "no-answer";
    case cause::key:
        return "key";
    }
    return "?";
}

finding diagnose(const knock_facts& f) {
    for (const auto& r : rows)
        if (r.fits(f)) return {r.why, r.reason(f), r.advice(f)};
    return {};
}

} // namespace chronoknock::client
