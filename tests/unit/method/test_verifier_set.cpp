#include "method/verifier_set.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <stdexcept>

using namespace chronoknock;

namespace {

/// Completes one knock a batch, or throws; counts the events that it is shown.
class stub final : public method::verifier {
public:
    explicit stub(std::string fails_with = "", std::size_t* shown = nullptr)
        : fails_with_(std::move(fails_with)), shown_(shown) {}
    std::string_view method() const override { return "stub"; }
    void take_over(method::verifier&) override {}
    bool advance(instant, const time_estimate&, std::size_t) override { return true; }
    void observe(const packet::event&, instant) override { ++*shown_; }
    std::vector<granting::claim> end_batch(instant) override {
        if (!fails_with_.empty()) throw std::runtime_error(std::exchange(fails_with_, ""));
        return std::vector<granting::claim>(1);
    }

private:
    std::string fails_with_; ///< the first time
    std::size_t* shown_;
};

} // namespace

BOOST_AUTO_TEST_CASE(one_method_that_throws_costs_no_other_its_batch) {
    std::vector<method::watcher> all;
    for (const auto* fails_with : {"", "no memory", "", "no cipher", ""})
        all.push_back({std::make_unique<stub>(fails_with), {}});
    method::verifier_set set(std::move(all));
    BOOST_TEST(set.end_batch({}).size() == 3u);
    BOOST_CHECK_EXCEPTION(set.rethrow(), std::runtime_error,
                          [](const auto& e) { return std::string(e.what()) == "no memory"; });
    BOOST_CHECK_NO_THROW(set.rethrow()); // it is told once
    BOOST_TEST(set.end_batch({}).size() == 5u);
    BOOST_CHECK_NO_THROW(set.rethrow());
}

BOOST_AUTO_TEST_CASE(events_are_shown_to_those_who_wish_for_them) {
    const auto pool = *port_set::parse("1000-2000");
    const packet::size_range whole{57, 57};
    const std::vector<packet::capture_wish> wishes{
        {.syns = pool},
        {.datagrams = {{pool, whole}, {*port_set::parse("53,1000"), {19, 512}}}, .echoes = whole},
        {.datagrams = {{pool, {0, 0}}}},
        {.syns = pool, .datagrams = {{*port_set::parse("1999-3000")}}},
        {.datagrams = {{pool, {11, 128}, packet::content::ascii}}},
    };
    using counts = std::vector<std::size_t>;
    counts shown(wishes.size());
    std::vector<method::watcher> all;
    for (std::size_t i = 0; i < wishes.size(); ++i)
        all.push_back({std::make_unique<stub>("", &shown[i]), wishes[i]});
    method::verifier_set set(std::move(all));
    const auto show = [&](packet::kind kind, std::uint16_t port, std::size_t size, std::uint8_t byte = 0xff) {
        const std::vector<std::uint8_t> payload(size, byte);
        std::ranges::fill(shown, 0u);
        set.observe({.kind = kind, .port = port, .payload = payload}, {});
        return shown;
    };
    using enum packet::kind;
    BOOST_TEST((show(syn, 1000, 0) == counts{1, 0, 0, 1, 0}));
    BOOST_TEST((show(syn, 2001, 0) == counts{0, 0, 0, 0, 0}));
    BOOST_TEST((show(datagram, 1500, 57) == counts{0, 1, 0, 0, 0}));
    BOOST_TEST((show(datagram, 1500, 56) == counts{0, 0, 0, 0, 0}));
    BOOST_TEST((show(datagram, 1500, 58) == counts{0, 0, 0, 0, 0}));
    BOOST_TEST((show(datagram, 1500, 0) == counts{0, 0, 1, 0, 0}));
    BOOST_TEST((show(datagram, 2000, 0) == counts{0, 0, 1, 1, 0}));
    BOOST_TEST((show(datagram, 3000, 1200) == counts{0, 0, 0, 1, 0}));
    BOOST_TEST((show(datagram, 1000, 57) == counts{0, 1, 0, 0, 0})); // once, though it is wished for twice
    BOOST_TEST((show(datagram, 1500, 57, 'A') == counts{0, 1, 0, 0, 1}));
    BOOST_TEST((show(datagram, 1500, 56, 'A') == counts{0, 0, 0, 0, 1}));
    BOOST_TEST((show(datagram, 53, 100) == counts{0, 1, 0, 0, 0}));
    BOOST_TEST((show(echo, 0, 57) == counts{0, 1, 0, 0, 0}));
    BOOST_TEST((show(echo, 0, 56) == counts{0, 0, 0, 0, 0}));
}
