#include "method/verifier_set.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

using namespace chronoknock;

namespace {

/// Completes one knock a batch, or throws.
class stub final : public method::verifier {
public:
    explicit stub(std::string fails_with = "") : fails_with_(std::move(fails_with)) {}
    std::string_view method() const override { return "stub"; }
    void take_over(method::verifier&) override {}
    bool advance(instant, const time_estimate&, std::size_t) override { return true; }
    void observe(const packet::event&, instant) override {}
    std::vector<granting::claim> end_batch(instant) override {
        if (!fails_with_.empty()) throw std::runtime_error(std::exchange(fails_with_, ""));
        return std::vector<granting::claim>(1);
    }

private:
    std::string fails_with_; ///< the first time
};

} // namespace

BOOST_AUTO_TEST_CASE(one_method_that_throws_costs_no_other_its_batch) {
    std::vector<std::unique_ptr<method::verifier>> all;
    for (const auto* fails_with : {"", "no memory", "", "no cipher", ""})
        all.push_back(std::make_unique<stub>(fails_with));
    method::verifier_set set(std::move(all));
    BOOST_TEST(set.end_batch({}).size() == 3u);
    BOOST_CHECK_EXCEPTION(set.rethrow(), std::runtime_error,
                          [](const auto& e) { return std::string(e.what()) == "no memory"; });
    BOOST_CHECK_NO_THROW(set.rethrow()); // it is told once
    BOOST_TEST(set.end_batch({}).size() == 5u);
    BOOST_CHECK_NO_THROW(set.rethrow());
}
