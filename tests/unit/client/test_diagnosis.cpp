#include "client/diagnosis.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <ostream>
#include <set>

using namespace chronoknock;
using namespace std::chrono_literals;
using client::cause;
using client::port_state;
using client::time_source;
using facts = client::knock_facts;

namespace chronoknock::client {
std::ostream& operator<<(std::ostream& out, cause c) { return out << to_string(c); }
} // namespace chronoknock::client

namespace {

/// A knock for 'web' with good time, every packet of which was answered, and the door silent as before.
facts refused_knock() {
    facts f;
    f.host = "server.example";
    f.source = address::parse("198.51.100.2").value();
    f.target = address::parse("192.0.2.1").value();
    f.granularity = 10;
    f.one_window = false;
    f.service = "web";
    f.sent = 32;
    f.answered = 32;
    f.port = 22;
    f.before = f.after = port_state::silent;
    return f;
}

struct sample {
    const char* name;
    void (*change)(facts&);
    cause why;
    const char* reason; ///< has this in it
};

std::ostream& operator<<(std::ostream& out, const sample& s) { return out << s.name; }

void from_home(facts& f) { f.source = address::parse("192.168.1.2").value(); }
void met_silence(facts& f) {
    f.sent = 80;
    f.answered = 0;
}

const sample samples[] = {
    {"opened", [](facts& f) { f.after = port_state::open; }, cause::none, ""},
    {"open before", [](facts& f) { f.before = f.after = port_state::open; }, cause::open_before,
     "port 22 was open before the knock"},
    {"refused after", [](facts& f) { f.after = port_state::refused; }, cause::nothing_listens,
     "the knock opened port 22, but nothing listens there"},
    {"refused before and after", [](facts& f) { f.before = f.after = port_state::refused; }, cause::refuses,
     "unauthorized = reset"},
    {"routers object",
     [](facts& f) {
         met_silence(f);
         f.obstacle = "No route to host";
     },
     cause::no_way, "there is no way to 192.0.2.1: No route to host"},
    {"routers object to some", [](facts& f) { f.obstacle = "No route to host"; }, cause::key,
     "does not take"},
    {"silence", met_silence, cause::dead, "nothing came back from 192.0.2.1: 80 packets"},
    {"silence, no door",
     [](facts& f) {
         met_silence(f);
         f.port = 0;
         f.before = f.after = port_state::untried;
     },
     cause::dead, "nothing came back"},
    {"silence but for the door",
     [](facts& f) {
         met_silence(f);
         f.before = f.after = port_state::refused;
     },
     cause::refuses, "port 22 answers as a closed port does"},
    {"silence of a method that hears none",
     [](facts& f) {
         met_silence(f);
         f.hears_answers = false;
     },
     cause::key, "server.example but does not"},
    {"behind NAT", from_home, cause::translated, "made for 192.168.1.2, and a router"},
    {"behind NAT, all silent", [](facts& f) { from_home(f), met_silence(f); }, cause::translated, "a router"},
    {"behind NAT, told", [](facts& f) { from_home(f), f.source_told = true; }, cause::key, ""},
    {"behind NAT, to whom that is nothing", [](facts& f) { from_home(f), f.heeds_address = false; },
     cause::key, ""},
    {"in one network",
     [](facts& f) {
         from_home(f);
         f.target = address::parse("10.0.0.1").value();
     },
     cause::key, ""},
    {"clock far off", [](facts& f) { f.clock_error = 5001ms; }, cause::clock_far_off,
     "off by 5.0 s, more than half of the key's granularity of 10 s"},
    {"clock near enough", [](facts& f) { f.clock_error = 5s; }, cause::key, ""},
    {"clock that is nothing to the key",
     [](facts& f) {
         f.clock_error = 1h;
         f.clock = time_source::none;
         f.granularity = 0;
     },
     cause::key, ""},
    {"system clock", [](facts& f) { f.clock = time_source::unvouched; }, cause::clock_unknown,
     "went by the system clock"},
    {"system clock, vouched for", [](facts& f) { f.clock = time_source::vouched; }, cause::key, ""},
    {"what opened before", [](facts& f) { f.key_opened = f.service_opened = true; }, cause::server_state,
     "this key has opened 'web' before: the server has no time at present"},
    {"what opened before, one window",
     [](facts& f) { f.key_opened = f.service_opened = f.one_window = true; }, cause::server_state, "before"},
    {"all opened before", [](facts& f) { f.key_opened = true, f.service = ""; }, cause::server_state,
     "this door"},
    {"another service opened before", [](facts& f) { f.key_opened = true; }, cause::service, "never 'web'"},
    {"first start", [](facts& f) { f.one_window = true; }, cause::first_start, "for the first time"},
    {"no answer to a request", [](facts& f) { f.asks = true, f.hears_answers = false; }, cause::no_answer,
     "did not answer the request"},
    {"no answer to a request, by the system clock",
     [](facts& f) { f.asks = true, f.hears_answers = false, f.clock = time_source::unvouched; },
     cause::no_answer, "its clock or this one is off"},
    {"no answer to a request that opened before",
     [](facts& f) { f.asks = true, f.hears_answers = false, f.key_opened = f.service_opened = true; },
     cause::server_state, ""},
    {"an answer to a request, no more",
     [](facts& f) { f.asks = f.was_asked_back = true, f.hears_answers = false; }, cause::key, ""},
    {"nothing known", [](facts&) {}, cause::key,
     "is there (32 of 32 packets were answered) but does not take this key for 'web'"},
    {"nothing known, no service", [](facts& f) { f.service = ""; }, cause::key, "does not take this key:"},
};

} // namespace

BOOST_AUTO_TEST_SUITE(diagnosis)

BOOST_DATA_TEST_CASE(each_fact_has_its_reason, samples) {
    auto f = refused_knock();
    sample.change(f);
    const auto found = client::diagnose(f);
    BOOST_TEST(found.why == sample.why);
    BOOST_TEST(found.reason.find(sample.reason) != std::string::npos, found.reason);
    BOOST_TEST(found.advice.empty() == (sample.why == cause::none));
    for (const auto& text : {found.reason, found.advice}) {
        BOOST_TEST(!text.ends_with('.'), text);
        BOOST_TEST(text.find('\n') == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(no_two_reasons_say_the_same) {
    std::set<cause> causes;
    std::set<std::string> names, reasons;
    for (const auto& s : samples) {
        auto f = refused_knock();
        s.change(f);
        const auto found = client::diagnose(f);
        if (!causes.insert(found.why).second) continue;
        BOOST_TEST(names.insert(std::string(to_string(found.why))).second);
        BOOST_TEST(reasons.insert(found.reason).second, found.reason);
    }
    BOOST_TEST(causes.size() == static_cast<std::size_t>(cause::key) + 1); // the samples have each
}

BOOST_AUTO_TEST_SUITE_END()
