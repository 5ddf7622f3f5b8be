// Whose grants are, and whose connections may be: what the store remembers of each key.
#include "folder.hpp"
#include "io/store/sqlite_store.hpp"

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <functional>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

using namespace chronoknock;
using namespace std::chrono_literals;

namespace {

using granting::history_entry;
using granting::opened_grant;

address numbered(int n) {
    const std::uint8_t bytes[] = {10, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
    return address::v4(bytes);
}

const auto begin = unix_time{seconds(1'000'000)};

opened_grant opened(const std::string& key, int n, const std::string& service = "ssh") {
    return {key, "print of " + key, numbered(n), service, begin + seconds(n), begin + seconds(n + 30)};
}

struct world {
    folder f;
    std::string path = f / "state.db";
    boost::asio::io_context context;
    std::unique_ptr<io::sqlite_store> store = io::sqlite_store::open(context, path).value();
    int tokens = 0;

    void run_until(const std::function<bool()>& so) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!so()) {
            BOOST_REQUIRE((std::chrono::steady_clock::now() < end));
            context.restart();
            context.poll_one();
        }
    }
    /// Each burns a token, and opens.
    void open(const std::vector<opened_grant>& grants) {
        bool answered = false;
        store->redeem({{"key", ++tokens, "x", numbered(1), begin}}, grants,
                      [&](const result<void>& done) { answered = bool(done); });
        run_until([&] { return answered; });
    }
    io::opened_by_key of(const std::string& key) { return store->opened_of(key).value(); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(opened_table)

BOOST_AUTO_TEST_CASE(it_is_there_once_the_token_is_burnt) {
    world w;
    const auto child = ::fork();
    if (child == 0) { // killed as soon as the answer is there
        boost::asio::io_context context;
        auto store = io::sqlite_store::open(context, w.f / "killed.db").value();
        store->redeem({{"key", 1, "x", numbered(1), begin}}, {opened("alice", 1)},
                      [](const result<void>&) { ::kill(::getpid(), SIGKILL); });
        context.run();
        ::_exit(1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    BOOST_TEST(WTERMSIG(status) == SIGKILL);
    const auto store = io::sqlite_store::open(w.context, w.f / "killed.db").value();
    BOOST_TEST((store->open_grants().value() == std::vector{opened("alice", 1)}));
}

BOOST_AUTO_TEST_CASE(what_waits_for_the_database_is_written_with_its_token) {
    world w;
    auto holder = io::database::open(w.path, "").value();
    BOOST_REQUIRE(holder.run("begin exclusive"));
    bool answered = false;
    const auto redeem = [&](int n) {
        w.store->redeem({{"key", n, "x", numbered(n), begin}}, {opened("alice", n)},
                        [&](const result<void>& done) { answered = bool(done); });
    };
    redeem(0); // a mark has it
    w.run_until([&] { return std::exchange(answered, false); });
    redeem(1);
    for (int turn = 0; turn < 10; ++turn) w.context.poll_one();
    BOOST_TEST(!answered);
    BOOST_REQUIRE(holder.run("rollback"));
    w.run_until([&] { return answered; });
    BOOST_TEST(w.store->open_grants().value().size() == 2u);
}

BOOST_AUTO_TEST_CASE(other_keys_push_nothing_out) {
    world w;
    w.open({opened("mallory", 1)});
    for (int n = 0; n < 20; ++n) {
        std::vector<opened_grant> many;
        for (int i = 0; i < 1000; ++i) many.push_back(opened("accomplice", 1000 * n + i));
        w.open(many);
        for (const auto& g : many)
            w.store->note({begin, history_entry::kind::granted, g.key, g.who, g.service, "30s"});
    }
    BOOST_TEST((w.of("mallory").grants == std::vector{opened("mallory", 1)}));
    BOOST_TEST(w.of("mallory").forgotten.empty());
}

BOOST_AUTO_TEST_CASE(of_a_key_the_newest_are_kept_and_what_is_open_and_that_there_were_more) {
    world w;
    constexpr int extra = 10, all = static_cast<int>(granting::least_opened_for) + extra;
    for (int n = 0; n < all; ++n) w.open({opened("alice", n), opened("alice", n, "web")});
    w.open({opened("bob", 1)});
    for (int n = 0; n < all; ++n)
        if (n != 3)
            w.store->note({opened("alice", n).until, history_entry::kind::expired, "alice", numbered(n),
                           "ssh, web", ""});
    const auto addresses = [&] {
        std::set<prefix> found;
        for (const auto& g : w.of("alice").grants) found.insert(g.who);
        return found;
    };
    w.run_until([&] { return addresses().size() <= granting::least_opened_for + 1; });
    BOOST_TEST(addresses().size() == granting::least_opened_for + 1);
    BOOST_TEST(addresses().contains(numbered(3))); // its grant goes on
    BOOST_TEST(!addresses().contains(numbered(extra - 1)));
    BOOST_TEST(addresses().contains(numbered(extra)));
    BOOST_TEST((w.of("alice").forgotten == std::set<std::string>{"ssh", "web"}));
    BOOST_TEST(w.of("bob").forgotten.empty());
    BOOST_TEST((w.store->opened_by({"bob", "carol"}).value() ==
                std::set<std::pair<prefix, std::string>>{{numbered(1), "ssh"}}));
    BOOST_TEST(w.store->open_grants().value().size() == 3u); // two of alice's, one of bob's
}

BOOST_AUTO_TEST_CASE(what_ended_is_open_no_more_unless_it_is_opened_anew) {
    world w;
    w.open({opened("alice", 1), opened("alice", 2), opened("alice", 3)});
    w.store->note({begin + 1s, history_entry::kind::revoked, "alice", numbered(1), "ssh", "by the operator"});
    w.store->note({begin + 32s, history_entry::kind::expired, "alice", numbered(2), "ssh", ""});
    w.open({opened("alice", 2)});
    BOOST_TEST((w.store->open_grants().value() == std::vector{opened("alice", 2), opened("alice", 3)}));
    w.store->end(std::vector{opened("alice", 3)});
    BOOST_TEST((w.store->open_grants().value() == std::vector{opened("alice", 2)}));
    BOOST_TEST(w.of("alice").grants.size() == 3u); // connections may go on
    BOOST_TEST((w.store->newest_opened().value().at(0).who == numbered(3)));
}

BOOST_AUTO_TEST_CASE(one_without_a_known_end_ends_as_the_others_do) {
    using enum history_entry::kind;
    world w;
    auto idle = opened("alice", 1);
    idle.until = unix_time::max();
    w.open({idle});
    BOOST_TEST((w.store->open_grants().value() == std::vector{idle}));
    w.store->note({idle.at - 1s, expired, "alice", numbered(1), "ssh", "the one before"});
    BOOST_TEST((w.store->open_grants().value() == std::vector{idle}));
    w.store->note({idle.at + 1h, expired, "alice", numbered(1), "ssh", "the last connection has ended"});
    BOOST_TEST(w.store->open_grants().value().empty());
}

BOOST_AUTO_TEST_CASE(the_end_of_a_grant_is_none_of_the_next_one_s) {
    using enum history_entry::kind;
    for (const auto how : {expired, revoked}) {
        world w;
        auto next = opened("alice", 1);
        w.open({next});
        next.at += 20s;
        next.until += 20s;
        w.open({next}); // and only then the end of the first is told
        w.store->note({begin + (how == expired ? 31s : 20s), how, "alice", numbered(1), "ssh", ""});
        BOOST_TEST((w.store->open_grants().value() == std::vector{next}));
        w.store->note({begin + 51s, how, "alice", numbered(1), "ssh", ""});
        BOOST_TEST(w.store->open_grants().value().empty());
    }
}

BOOST_AUTO_TEST_CASE(what_may_be_open_after_its_time_stays_until_it_is_closed_for_all_keys) {
    world w;
    w.open({opened("alice", 1), opened("bob", 1), opened("bob", 2)});
    for (const auto* key : {"alice", "bob"})
        w.store->note({begin + 40s, history_entry::kind::expired, key, numbered(1), "ssh", ""}, true);
    BOOST_TEST(w.store->open_grants().value().size() == 3u);
    w.store->closed(numbered(1), "ssh");
    BOOST_TEST((w.store->open_grants().value() == std::vector{opened("bob", 2)}));
    w.store->closed(numbered(2), "ssh");
    w.open({opened("carol", 2)}); // before the closing is written
    BOOST_TEST((w.store->open_grants().value() == std::vector{opened("carol", 2)}));
}

BOOST_AUTO_TEST_CASE(it_knows_to_which_backend_grants_went) {
    world w;
    BOOST_TEST(w.store->exchange_backend("command").value() == "");
    BOOST_TEST(w.store->exchange_backend("command").value() == "command");
    w.store.reset();
    w.store = io::sqlite_store::open(w.context, w.path).value();
    BOOST_TEST(w.store->exchange_backend("nft-set").value() == "command");
    BOOST_TEST(w.store->exchange_backend("nft-set").value() == "nft-set");
}

BOOST_AUTO_TEST_SUITE_END()
