#include "timesync/answer_gate.hpp"

#include "nts_messages.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace std::chrono_literals;
using namespace nts_messages;
using state = timesync::answer_gate::state;

namespace {

const instant start{1h};
const auto id = random_bytes().unique_id;

/// What a gate passes, in letters: the first byte of the datagram, whether it counts as authenticated, and
/// how long before it came in.
std::string told(const std::optional<answer_gate::passed>& p, instant now) {
    if (!p) return "nothing";
    return std::to_string(p->datagram.front()) + (p->authenticated ? " authentic " : " plain ") +
           std::to_string((now - p->received) / 1ms) + " ms";
}

struct world {
    std::shared_ptr<nts_session> session = std::make_shared<nts_session>(session_with(1));
    answer_gate gate{session, id};

    std::string receive(const bytes& datagram, nanoseconds at) {
        return told(gate.receive(datagram, start + at), start + at);
    }
    std::string poll(nanoseconds at) { return told(gate.poll(start + at), start + at); }
};

bytes kiss_of_death() {
    bytes b(ntp_header_size);
    b[0] = 0xe4;
    return b;
}

} // namespace

BOOST_AUTO_TEST_SUITE(answer_gate_of_a_query)

BOOST_AUTO_TEST_CASE(without_nts_everything_passes_at_once) {
    answer_gate gate;
    BOOST_TEST(told(gate.receive(kiss_of_death(), start), start) == "228 plain 0 ms");
    BOOST_TEST(told(gate.receive(nak(id), start), start) == "228 plain 0 ms");
    BOOST_TEST((gate.now() == state::open && gate.deadline() == instant::max()));
    BOOST_TEST(told(gate.poll(start + 1h), start) == "nothing");
}

BOOST_AUTO_TEST_CASE(what_is_proven_passes_and_leaves_its_cookies) {
    world w;
    BOOST_TEST(w.receive(answer(id, 2), 0s) == "17 authentic 0 ms");
    BOOST_TEST(w.session->cookies.size() == 3u);
}

BOOST_AUTO_TEST_CASE(what_is_not_proven_passes_as_such_but_no_refusal_to_serve) {
    world w;
    BOOST_TEST(w.receive(bytes(ntp_header_size, 0x24), 0s) == "36 plain 0 ms");
    BOOST_TEST(w.receive(kiss_of_death(), 0s) == "nothing");
    BOOST_TEST(w.receive(bytes(1, 0x24), 0s) == "36 plain 0 ms");
    BOOST_TEST((w.gate.now() == state::open));
}

BOOST_AUTO_TEST_CASE(a_nak_is_held_for_a_while_and_passed_once) {
    world w;
    BOOST_TEST(w.receive(nak(id), 0s) == "nothing");
    BOOST_TEST((w.gate.now() == state::nak_held && w.gate.deadline() == start + nak_patience));
    BOOST_TEST(w.receive(nak(id), 400ms) == "nothing"); // does not put it off
    BOOST_TEST((w.gate.deadline() == start + nak_patience));
    BOOST_TEST(w.poll(499ms) == "nothing");
    BOOST_TEST(w.poll(500ms) == "228 plain 500 ms");
    BOOST_TEST((w.gate.now() == state::open));
    BOOST_TEST(w.poll(1s) == "nothing");
}

BOOST_AUTO_TEST_CASE(a_nak_keeps_no_proven_answer_back) {
    world w;
    BOOST_TEST(w.receive(nak(id), 0s) == "nothing");
    BOOST_TEST(w.receive(answer(id, 1), 10ms) == "17 authentic 0 ms");
}

BOOST_AUTO_TEST_CASE(a_nak_to_another_query_is_nothing) {
    world w;
    auto other = id;
    other[0] ^= 1;
    BOOST_TEST(w.receive(nak(other), 0s) == "nothing");
    BOOST_TEST((w.gate.now() == state::open));
}

BOOST_AUTO_TEST_SUITE_END()
