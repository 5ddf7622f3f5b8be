// The nftables backend on a kernel that fails at chosen steps.
#include "firewall_world.hpp"

#include <map>

using namespace firewall_test;

namespace {

struct faults {
    std::size_t steps = 0;               ///< so far
    std::map<std::string, int> calls;    ///< by name
    std::map<std::string, int> failing;  ///< by name: so many more
    std::optional<std::size_t> fails_at; ///< this step
    bool too_late = false;               ///< what fails was done all the same
};

/// The kernel as it is, but for the faults.
class faulty_kernel final : public io::nft_kernel {
public:
    explicit faulty_kernel(faults& f) : real_(io::nft_socket::open().value()), faults_(f) {}

    const std::string& table() const override { return real_.table(); }
    void use_table(std::string name) override { real_.use_table(std::move(name)); }
    std::uint32_t port() const override { return real_.port(); }

    bool is_owned() override {
        return step("is_owned", [&] { return real_.is_owned(); }, false);
    }
    bool translates() override {
        return step("translates", [&] { return real_.translates(); }, false);
    }
    result<std::optional<std::string>> run(const firewall::nft_order& order) override {
        using answer = result<std::optional<std::string>>;
        return step("run", [&] { return real_.run(order); }, answer(error{"nft: no answer"}));
    }
    io::nft_result<void> change(std::span<const io::nft_element> elements) override {
        return netlink("change", [&] { return real_.change(elements); });
    }
    io::nft_result<void> delete_table() override {
        return netlink("delete_table", [&] { return real_.delete_table(); });
    }
    io::nft_result<firewall::table_state> state() override {
        return netlink("state", [&] { return real_.state(); });
    }
    io::nft_result<std::vector<io::nft_grant>> grants() override {
        return netlink("grants", [&] { return real_.grants(); });
    }
    io::nft_result<io::nft_fingerprint> fingerprint() override {
        return netlink("fingerprint", [&] { return real_.fingerprint(); });
    }
    io::nft_result<std::uint32_t> generation() override {
        return netlink("generation", [&] { return real_.generation(); });
    }

private:
    template <class Real, class Answer = std::invoke_result_t<Real>>
    Answer step(const char* name, Real real, Answer failure) {
        ++faults_.calls[name];
        if (faults_.steps++ != faults_.fails_at && faults_.failing[name] == 0) return real();
        if (faults_.failing[name] > 0) --faults_.failing[name];
        if (faults_.too_late) (void)real();
        return failure;
    }
    template <class Real, class Answer = std::invoke_result_t<Real>>
    Answer netlink(const char* name, Real real) {
        return step(name, real, Answer(io::last_error(ENOBUFS)));
    }

    io::nft_socket real_;
    faults& faults_;
};

struct faulty_world : world {
    faults f;

    guard faulty() { return io::open_nftables(context, std::make_unique<faulty_kernel>(f)).value(); }
    /// All that the kernel has told is dealt with.
    void settle() {
        run_until([&] { return context.poll() == 0; });
    }
    /// As those do who want something: until it is done.
    template <class Ask>
    void insist(Ask ask) {
        for (int tries = 0; tries < 3; ++tries)
            if (ask()) return;
        BOOST_ERROR("three times in vain");
    }
    void live_through_it() {
        auto backend = faulty();
        asked.services = {make_service("ssh", {"tcp/22"}), make_service("web", {"tcp/80"})};
        insist([&] { return backend->prepare_now(asked).has_value(); });
        BOOST_TEST(try_from(stranger, 22) == "silent");
        const auto who = *address::parse(knocker);
        insist([&] { return try_apply(backend, {{who, "ssh", 60s}, {who, "web", 60s}}).has_value(); });
        BOOST_TEST(try_from(knocker, 22) == "open");
        lab::run("nft flush ruleset");
        BOOST_TEST(run_until([&] { return try_from(stranger, 22) == "silent" && live(backend) == 2; }));
        BOOST_TEST(run_until([&] { return try_from(knocker, 22) == "open"; }));

        const auto before = asked;
        asked.services[1].ports = {*endpoint_range::parse("tcp/81")};
        insist([&] {
            if (try_set_up(backend)) return true;
            // As it was, at once or after a moment.
            BOOST_TEST(run_until([&] { return try_from(stranger, 80) == "silent"; }));
            BOOST_TEST(run_until([&] { return try_from(stranger, 81) == "open"; }));
            return false;
        });
        BOOST_TEST(try_from(stranger, 81) == "silent");
        BOOST_TEST(try_from(stranger, 80) == "open");
        BOOST_TEST(try_from(knocker, 81) == "silent");
        BOOST_TEST(run_until([&] { return try_from(knocker, 22) == "open"; }));
        insist([&] { return try_apply(backend, {{who, "ssh", {}}}).has_value(); });
        BOOST_TEST(try_from(knocker, 22) == "silent");
        lab::run("nft delete table inet chronoknock"); // it is watched all the same
        BOOST_TEST(run_until([&] { return try_from(stranger, 22) == "silent"; }));
        insist([&] { return remove(backend); });
        BOOST_TEST(try_from(stranger, 22) == "open");
    }
    std::size_t live(guard& g) {
        std::size_t n = 0;
        g->list([&](const auto& all) { n = all ? all->size() : 0; });
        return n;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(firewall_faults, faulty_world, *boost::unit_test::precondition(lab::is_root))

BOOST_AUTO_TEST_CASE(whatever_step_fails_once_the_guard_holds_and_what_is_asked_for_comes) {
    live_through_it();
    const auto steps = f.steps;
    BOOST_TEST_MESSAGE(steps << " steps");
    for (const bool too_late : {false, true})
        for (std::size_t n = 0; n < steps; ++n) {
            f = {};
            f.fails_at = n;
            f.too_late = too_late;
            BOOST_TEST_CONTEXT("step " << n << (too_late ? ", done all the same" : "")) { live_through_it(); }
        }
}

BOOST_AUTO_TEST_CASE(rules_that_nft_took_hold_although_the_table_cannot_be_read_back) {
    auto backend = faulty();
    f.failing["fingerprint"] = 5; // three tries and the looks after them
    BOOST_TEST(backend->prepare_now(asked).has_value());
    BOOST_TEST(try_from(stranger, 22) == "silent");
    BOOST_TEST(run_until([&] { return f.failing["fingerprint"] == 0 && context.poll() == 0; }));
    BOOST_TEST(run_until([&] { return f.calls["fingerprint"] > 5; }));
    // From then on it is known, and not taken for somebody else's.
    settle();
    const auto runs = f.calls["run"];
    for (int i = 0; i < 3; ++i) {
        const auto looks = f.calls["fingerprint"];
        lab::run("nft add table inet other && nft delete table inet other");
        BOOST_TEST(run_until([&] { return f.calls["fingerprint"] > looks; }));
        settle();
    }
    BOOST_TEST(f.calls["run"] == runs);
    lab::run("nft flush chain inet chronoknock guard");
    BOOST_TEST(run_until([&] { return f.calls["run"] > runs; }));
    BOOST_TEST(try_from(stranger, 22) == "silent");
}

BOOST_AUTO_TEST_CASE(other_rules_that_nft_took_hold_although_the_table_cannot_be_read_back) {
    auto backend = faulty();
    BOOST_TEST(backend->prepare_now(asked).has_value());
    settle();
    asked.services[1] = make_service("other", {"tcp/81"});
    f.failing["fingerprint"] = 3;
    BOOST_TEST(try_set_up(backend).has_value());
    add(backend, knocker, "other"); // the new rules are what grants are for
    BOOST_TEST(try_from(stranger, 81) == "silent");
    BOOST_TEST(try_from(knocker, 81) == "open");
    BOOST_TEST(try_from(stranger, 80) == "open");
    lab::run("nft flush ruleset");
    BOOST_TEST(run_until([&] { return try_from(stranger, 81) == "silent" && live(backend) == 1; }));
}

BOOST_AUTO_TEST_CASE(a_table_that_nobody_can_read_is_no_reason_to_run_nft_without_end) {
    auto backend = faulty();
    f.failing["fingerprint"] = 1000;
    BOOST_TEST(backend->prepare_now(asked).has_value());
    settle();
    const auto runs = f.calls["run"];
    BOOST_TEST(run_until([&] { return f.failing["fingerprint"] < 990; }));
    BOOST_TEST(f.calls["run"] == runs);
}

BOOST_AUTO_TEST_CASE(what_we_change_ourselves_is_no_reason_to_read_the_table) {
    auto backend = faulty();
    BOOST_TEST(backend->prepare_now(asked).has_value());
    settle();
    const auto before = f.calls;
    for (std::uint32_t i = 0; i < 100; ++i)
        BOOST_TEST(try_apply(backend, {make_grant(i, "ssh")}).has_value());
    BOOST_TEST(try_apply(backend, {{make_grant(1, "ssh").who, "ssh", {}}}).has_value());
    settle();
    auto expected = before;
    expected["change"] += 101;
    BOOST_TEST((f.calls == expected));
    lab::run("nft add table inet other");
    BOOST_TEST(run_until([&] { return f.calls["fingerprint"] > before.at("fingerprint"); }));
}

BOOST_AUTO_TEST_CASE(rules_that_hold_are_not_written_again) {
    auto backend = faulty();
    BOOST_TEST(backend->prepare_now(asked).has_value());
    settle();
    const auto runs_before = f.calls["run"];
    BOOST_TEST(try_set_up(backend).has_value()); // as the reload of a key does
    settle();
    BOOST_TEST(f.calls["run"] == runs_before);
    // What is let in for good goes at a reload.
    const auto set = firewall::set_name(asked.services.front(), 4);
    lab::run("nft add element inet chronoknock " + set + " { 192.0.2.77 }");
    settle();
    BOOST_TEST(try_set_up(backend).has_value());
    lab::run("! nft list set inet chronoknock " + set + " | grep -q 192.0.2.77");
    // A guard that was taken away meanwhile is not taken for one that stands.
    lab::run("nft flush ruleset");
    BOOST_TEST(try_set_up(backend).has_value());
    BOOST_TEST(run_until([&] { return try_from(stranger, 22) == "silent"; }));
    // One that cannot be read is written whoever asks.
    f.failing["fingerprint"] = 1000;
    asked.services.pop_back();
    BOOST_TEST(try_set_up(backend).has_value());
    const auto runs = f.calls["run"];
    BOOST_TEST(try_set_up(backend).has_value());
    BOOST_TEST(f.calls["run"] > runs);
}

BOOST_AUTO_TEST_CASE(connections_that_nft_gave_no_answer_for_are_admitted_again) {
    constexpr int many = 6000; // more than a guard waits for
    guarded().reset();         // a table that a second server finds
    lab::run(
        "seq 0 " + std::to_string(many - 1) +
        " | awk '{printf \"add element inet chronoknock tcp4 { 10.20.%d.%d . 1024 . 22 }\\n\", $1 / 250, "
        "$1 % 250}' | nft -f -");
    auto backend = faulty();
    BOOST_TEST(backend->prepare_now(asked).has_value());
    settle(); // the flows are known
    const auto runs = f.calls["run"];
    lab::run("nft delete table inet chronoknock");
    BOOST_TEST(run_until([&] { return f.calls["run"] > runs; }));
    BOOST_TEST(f.calls["run"] == runs + 1);
    BOOST_TEST(try_from(stranger, 22) == "silent"); // before the rest of them
    f.failing["run"] = 1;
    BOOST_TEST(run_until([&] { return f.calls["run"] == runs + 3; }));
    lab::run("test $(nft list set inet chronoknock tcp4 | grep -o '10\\.20\\.' | wc -l) = " +
             std::to_string(many));

    // Twice is given up, so that the rest gets its turn.
    lab::run("nft delete table inet chronoknock");
    BOOST_TEST(run_until([&] { return f.calls["run"] > runs + 3; }));
    f.failing["run"] = 2;
    BOOST_TEST(run_until([&] { return f.failing["run"] == 0; }));
    settle();
    BOOST_TEST(f.calls["run"] == runs + 6);
}

BOOST_AUTO_TEST_SUITE_END()
