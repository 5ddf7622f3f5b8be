#include "folder.hpp"
#include "io/client/window_memory.hpp"
#include "io/server_config.hpp"
#include "io/system/files.hpp"
#include "io/system/random.hpp"
#include "method/static/key.hpp"
#include "method/time_sequence/credential.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace chronoknock;
using namespace std::chrono_literals;

namespace {

void put(const std::string& path, const std::string& text, mode_t mode = 0600) {
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
}

mode_t mode_of(const std::string& path) {
    struct stat s{};
    BOOST_REQUIRE(::stat(path.c_str(), &s) == 0);
    return s.st_mode & 07777;
}

const std::string key_text = "secret = 000102030405060708090a0b0c0d0e0f\n";

} // namespace

BOOST_AUTO_TEST_SUITE(files)

BOOST_AUTO_TEST_CASE(reading_is_bounded) {
    const folder f;
    put(f / "a", "12345");
    BOOST_TEST(io::read_file(f / "a").value() == "12345");
    BOOST_TEST(io::read_file(f / "a", 5).value() == "12345");
    BOOST_TEST(io::read_file(f / "a", 4).error().text == f / "a" + ": expected a file of at most 4 bytes");
    BOOST_TEST(io::read_file("/dev/zero", 100).error().text == "/dev/zero: expected a regular file");
    BOOST_TEST(io::read_file(f / "b").error().text == f / "b" + ": cannot open: No such file or directory");
    BOOST_TEST(io::read_file(f / "").error().text == f / "" + ": cannot read: Is a directory");
}

BOOST_AUTO_TEST_CASE(key_file_that_others_can_use_is_refused) {
    const folder f;
    const auto path = f / "k";
    for (const mode_t mode : {0640u, 0620u, 0604u, 0602u, 0644u, 0666u, 0440u}) {
        put(path, key_text, mode);
        char octal[8];
        std::snprintf(octal, sizeof octal, "%04o", mode);
        const auto k = io::load_key_file(path, false);
        BOOST_REQUIRE(!k.has_value());
        BOOST_TEST(k.error().text ==
                   path + ": mode " + octal +
                       " lets others than the owner read or write the key; expected chmod 600, "
                       "or --allow-loose-permissions");
        BOOST_TEST(io::load_key_file(path, true).has_value());
        ::unlink(path.c_str());
    }
    for (const mode_t mode : {0600u, 0400u, 0700u, 0711u}) {
        put(path, key_text, mode);
        BOOST_TEST(io::load_key_file(path, false).has_value());
    }
}

BOOST_AUTO_TEST_CASE(key_file_of_another_user_is_refused,
                     *boost::unit_test::precondition([](boost::unit_test::test_unit_id) {
                         return boost::test_tools::assertion_result(geteuid() == 0);
                     })) {
    const folder f;
    const auto path = f / "k";
    put(path, key_text);
    BOOST_REQUIRE(::chown(path.c_str(), 12345, 0) == 0);
    BOOST_TEST(io::load_key_file(path, false).error().text ==
               path + ": belongs to user 12345; expected us or root as the owner of a key (chown), or "
                      "--allow-loose-permissions");
    BOOST_TEST(io::load_key_file(path, true).has_value());
}

BOOST_AUTO_TEST_CASE(key_file_errors_name_file_and_line) {
    const folder f;
    put(f / "k", key_text + "length = 1\n");
    BOOST_TEST(io::load_key_file(f / "k", false).error().text ==
               f / "k" + ":2: length: expected a whole number from 2 to 64, not '1'");
    put(f / "e", "");
    BOOST_TEST(io::load_key_file(f / "e", false).error().text == f / "e" + ": secret: expected, and missing");
}

BOOST_AUTO_TEST_CASE(new_file_is_for_the_owner_alone_and_never_overwrites) {
    const folder f;
    const auto old_mask = ::umask(0277);
    BOOST_TEST(io::write_new_file(f / "k", "text").has_value());
    ::umask(old_mask);
    BOOST_TEST(mode_of(f / "k") == 0600u);
    BOOST_TEST(io::read_file(f / "k").value() == "text");
    BOOST_TEST(io::write_new_file(f / "k", "other").error().text ==
               f / "k" + ": exists already, and is never overwritten");
    BOOST_TEST(io::read_file(f / "k").value() == "text");
    BOOST_REQUIRE(::symlink((f / "nowhere").c_str(), (f / "link").c_str()) == 0);
    BOOST_TEST(!io::write_new_file(f / "link", "text").has_value());
    BOOST_TEST(!std::filesystem::exists(f / "nowhere"));
    BOOST_TEST(io::write_new_file(f / "no/k", "text").error().text ==
               f / "no/k" + ": cannot create: No such file or directory");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_in_full_is_not_there) {
    const folder f;
    // SIGXFSZ ignored, a write beyond the limit fails as on a full disk
    struct rlimit before{};
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before);
    const struct rlimit tight{10, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &tight);
    const auto written = io::write_new_file(f / "k", "more than ten bytes");
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    BOOST_REQUIRE(!written.has_value());
    BOOST_TEST(written.error().text == f / "k" + ": cannot write: File too large");
    BOOST_TEST(std::filesystem::is_empty(f.path()));
}

BOOST_AUTO_TEST_CASE(secrets_differ) {
    std::set<key::secret_bytes> all;
    for (int i = 0; i < 100; ++i) all.insert(io::random_secret(16).value());
    BOOST_TEST(all.size() == 100u);
    BOOST_TEST(io::random_secret(256)->size() == 256u);
}

BOOST_AUTO_TEST_CASE(weak_key_only_when_allowed) {
    const folder f;
    put(f / "k", key_text + "length = 4\n");
    const std::string text = "[service.s]\nports = tcp/1\n[key.a]\nfile = k\nservices = s\n";
    put(f / "c", text);
    const auto refused = io::load_server_config(f / "c", false);
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST(refused.error().text.starts_with(f / "c" + ": [key.a] file: a security budget of 2"));
    BOOST_TEST(refused.error().text.find("expected at least 60") != std::string::npos);
    put(f / "c", text + "allow_weak = true\n");
    BOOST_TEST(io::load_server_config(f / "c", false).has_value());
    put(f / "k", key_text, 0644);
    BOOST_TEST(io::load_server_config(f / "c", false)
                   .error()
                   .text.starts_with(f / "c" + ":4: [key.a] file: " + f / "k" + ": mode 0644"));
    BOOST_TEST(io::load_server_config(f / "c", true).has_value());
}

BOOST_AUTO_TEST_CASE(without_a_key_only_where_a_server_has_served) {
    const folder f;
    put(f / "c", "[server]\nstate = s.db\n[service.s]\nports = tcp/1\n");
    const auto load = [&](io::without_keys none) { return io::load_server_config(f / "c", false, {}, none); };
    for (const auto none : {io::without_keys::refused, io::without_keys::once_served})
        BOOST_TEST(load(none).error().text ==
                   f / "c" + ": expected at least one section [key.NAME]: without one nobody gets in");
    put(f / "s.db", "");
    BOOST_TEST(!load(io::without_keys::refused).has_value());
    BOOST_TEST(load(io::without_keys::once_served).value().keys.empty());
}

BOOST_AUTO_TEST_CASE(numbers_of_a_pad_are_counted_whatever_else_is_knocked) {
    const folder f;
    auto memory = io::window_memory::open(f / "client.db");
    BOOST_REQUIRE(memory.has_value());
    const auto pad = *fixed::read_sequences("1,2;3,4;5,6");
    key::psk psk;
    psk.secret.assign(16, 1);
    const time_sequence::credential other(std::move(psk));
    const auto v4 = address::parse("192.0.2.1").value(), v6 = address::parse("2001:db8::1").value();
    const auto number = [&](const address& target) {
        return memory
            ->claim(io::owner_of(*pad, target, "", v4),
                    [](auto last) { return client::turn{last ? *last + 1 : 0, 0ns}; })
            ->t0;
    };
    BOOST_TEST(number(v4) == 0);
    BOOST_TEST(
        memory->claim(io::owner_of(other, v4, "", v4), [](auto) { return client::turn{1'700'000'000, 0ns}; })
            .has_value());
    BOOST_TEST(number(v4) == 1);
    BOOST_TEST(number(v6) == 2); // the same server, by its other address
}

BOOST_AUTO_TEST_CASE(a_claim_is_released_while_it_is_the_last) {
    const folder f;
    auto memory = io::window_memory::open(f / "client.db");
    BOOST_REQUIRE(memory.has_value());
    const io::window_owner owner{"", "k", "", ""}, other{"", "l", "", ""};
    std::optional<std::int64_t> last;
    const auto claim = [&](const io::window_owner& of, std::int64_t number) {
        return memory->claim(of, [&](auto told) {
            last = told;
            return client::turn{number, 0ns};
        });
    };
    BOOST_TEST(claim(other, 5).has_value());
    BOOST_TEST(claim(owner, 5).has_value());
    BOOST_TEST(memory->release(owner, 5, std::nullopt).has_value());
    BOOST_TEST(claim(owner, 6).has_value());
    BOOST_TEST(!last.has_value());
    BOOST_TEST(claim(owner, 7).has_value());
    BOOST_TEST(memory->release(owner, 7, 6).has_value());
    BOOST_TEST(claim(owner, 8).has_value());
    BOOST_TEST(last.value() == 6);
    BOOST_TEST(memory->release(owner, 7, 6).has_value()); // another one came in between
    BOOST_TEST(memory->release(owner, 6, std::nullopt).has_value());
    BOOST_TEST(claim(owner, 9).has_value());
    BOOST_TEST(last.value() == 8);
    // A choice that fails claims nothing.
    const auto refused = memory->claim(owner, [](auto) -> result<client::turn> { return error{"too far"}; });
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST(refused.error().text == "too far");
    BOOST_TEST(claim(owner, 10).has_value());
    BOOST_TEST(last.value() == 9);
    BOOST_TEST(claim(other, 6).has_value());
    BOOST_TEST(last.value() == 5);
}

BOOST_AUTO_TEST_CASE(used_windows_are_remembered_for_each_knock) {
    const folder f;
    const auto path = f / "new/state/client.db";
    key::psk psk;
    psk.secret.assign(16, 1);
    const time_sequence::credential k(std::move(psk));
    const auto one = address::parse("192.0.2.1").value();
    const auto two = address::parse("192.0.2.2").value();
    std::vector<std::optional<std::int64_t>> told;
    const auto take = [&](std::int64_t t0) {
        return [&told, t0](std::optional<std::int64_t> last) {
            told.push_back(last);
            return client::turn{t0, 0ns};
        };
    };
    {
        auto memory = io::window_memory::open(path);
        BOOST_REQUIRE_MESSAGE(memory.has_value(), memory.error().text);
        BOOST_TEST(memory->claim(io::owner_of(k, one, "ssh", two), take(1000)).has_value());
        BOOST_TEST(memory->claim(io::owner_of(k, two, "ssh", two), take(1000)).has_value());
        BOOST_TEST(memory->claim(io::owner_of(k, one, "", two), take(1000)).has_value());
        BOOST_TEST(memory->claim(io::owner_of(k, one, "ssh", one), take(1000)).has_value());
        // a turn that has to wait uses nothing
        BOOST_TEST(
            memory->claim(io::owner_of(k, one, "dns", two), [](auto) { return client::turn{1000, 1s}; })
                .has_value());
        BOOST_TEST(memory->claim(io::owner_of(k, one, "dns", two), take(1000)).has_value());
    }
    BOOST_TEST(std::count(told.begin(), told.end(), std::nullopt) == 5);
    BOOST_TEST(mode_of(f / "new/state") == 0700u);
    BOOST_TEST(mode_of(path) == 0600u);
    auto memory = io::window_memory::open(path);
    BOOST_TEST(memory->claim(io::owner_of(k, one, "ssh", two), take(1010)).has_value());
    BOOST_TEST(memory->claim(io::owner_of(k, one, "ssh", two), take(1020)).has_value());
    BOOST_TEST(told[5].value() == 1000);
    BOOST_TEST(told[6].value() == 1010);

    // nothing of the secret is in it
    const auto bytes = io::read_file(path).value() + io::read_file(path + "-wal").value();
    BOOST_TEST(bytes.find(std::string(16, '\x01')) == bytes.npos);
    BOOST_TEST(bytes.find(std::string(16, '1')) == bytes.npos);
    BOOST_TEST(bytes.find(k.fingerprint()) != bytes.npos);
}

BOOST_AUTO_TEST_CASE(key_without_address_has_one_window_for_all_sources) {
    key::psk psk;
    psk.secret.assign(16, 1);
    const time_sequence::credential k(psk);
    const auto one = address::parse("192.0.2.1").value();
    BOOST_TEST(io::owner_of(k, one, "", one).source == "192.0.2.1");
    psk.ignore_ip = true;
    BOOST_TEST(io::owner_of(time_sequence::credential(psk), one, "", one).source == "");
}

BOOST_AUTO_TEST_CASE(two_knocks_at_a_time_take_two_windows) {
    const folder f;
    key::psk psk;
    psk.secret.assign(16, 1);
    const time_sequence::credential k(std::move(psk));
    const auto owner = io::owner_of(k, {}, "", {});
    BOOST_REQUIRE(io::window_memory::open(f / "db").has_value());
    std::vector<std::thread> threads;
    std::array<std::int64_t, 8> taken{};
    for (auto& t0 : taken)
        threads.emplace_back([&] {
            auto memory = io::window_memory::open(f / "db");
            if (!memory) return;
            if (const auto turn =
                    memory->claim(owner, [](auto last) { return client::turn{last.value_or(0) + 10, 0ns}; }))
                t0 = turn->t0;
        });
    for (auto& t : threads) t.join();
    std::ranges::sort(taken);
    BOOST_TEST(taken == (std::array<std::int64_t, 8>{10, 20, 30, 40, 50, 60, 70, 80}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(memory_that_cannot_be_had_is_an_error) {
    BOOST_TEST(!io::window_memory::open("/proc/none/client.db").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
