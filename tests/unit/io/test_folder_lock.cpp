#include "folder.hpp"
#include "io/system/folder_lock.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace chronoknock;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(folder_lock)

BOOST_AUTO_TEST_CASE(one_at_a_time) {
    const folder f;
    const auto folder_name = f.path().string();
    {
        const auto first = io::folder_lock::take(f / "a", 0s);
        BOOST_REQUIRE(first.has_value());
        const auto second = io::folder_lock::take(f / "b", 50ms);
        BOOST_REQUIRE(!second.has_value());
        BOOST_TEST(second.error().text == folder_name + ": another program changes the files here, process " +
                                              std::to_string(::getpid()) + "; it has not ended within 50ms");
    }
    BOOST_TEST(io::folder_lock::take(f / "b", 0s).has_value());
    BOOST_TEST(fs::exists(f.path()));
}

BOOST_AUTO_TEST_CASE(folders_that_nothing_came_into_are_taken_back) {
    const folder f;
    {
        const auto lock = io::folder_lock::take(f / "a/b/file", 0s);
        BOOST_REQUIRE(lock.has_value());
        struct stat s{};
        BOOST_REQUIRE(::stat((f / "a/b").c_str(), &s) == 0);
        BOOST_TEST((s.st_mode & 07777) == 0700u);
    }
    BOOST_TEST(!fs::exists(f / "a"));
    {
        const auto lock = io::folder_lock::take(f / "a/b/file", 0s);
        BOOST_REQUIRE(lock.has_value());
        fs::create_directory(f / "a/keys");
    }
    BOOST_TEST(fs::exists(f / "a/keys"));
    BOOST_TEST(!fs::exists(f / "a/b"));
}

BOOST_AUTO_TEST_CASE(what_is_no_folder) {
    const folder f;
    fs::create_symlink("nowhere", f / "link");
    const auto lock = io::folder_lock::take(f / "link/file", 0s);
    BOOST_REQUIRE(!lock.has_value());
    BOOST_TEST(lock.error().text.starts_with(f / "link/.lock" + ": cannot open: "), lock.error().text);
}

BOOST_AUTO_TEST_CASE(nobody_else_can_hold_it) {
    const folder f;
    // A lock on the folder is to be had by whoever can read it.
    const int readers = ::open(f.path().c_str(), O_RDONLY | O_DIRECTORY);
    BOOST_REQUIRE(::flock(readers, LOCK_EX) == 0);
    {
        const auto lock = io::folder_lock::take(f / "a", 0s);
        BOOST_REQUIRE_MESSAGE(lock.has_value(), lock.error().text);
        struct stat s{};
        BOOST_REQUIRE(::stat((f / ".lock").c_str(), &s) == 0);
        BOOST_TEST((s.st_mode & 07777) == 0600u);
    }
    ::close(readers);
    BOOST_TEST(fs::is_empty(f.path()));
    std::ofstream(f / ".lock"); // as a kill leaves it
    BOOST_TEST(io::folder_lock::take(f / "a", 0s).has_value());
}

BOOST_AUTO_TEST_CASE(a_link_in_its_place_is_not_followed) {
    const folder f;
    fs::create_symlink("victim", f / ".lock");
    const auto lock = io::folder_lock::take(f / "a", 0s);
    BOOST_REQUIRE(!lock.has_value());
    BOOST_TEST(lock.error().text.starts_with(f / ".lock" + ": cannot open: "), lock.error().text);
    BOOST_TEST(!fs::exists(f / "victim"));
}

BOOST_AUTO_TEST_CASE(a_file_that_its_holder_took_back_holds_nobody) {
    const folder f;
    std::atomic<int> inside = 0;
    std::atomic<int> not_alone = 0;
    std::atomic<int> taken = 0;
    std::vector<std::jthread> all;
    for (int i = 0; i < 8; ++i)
        all.emplace_back([&] {
            for (int n = 0; n < 5000; ++n) {
                const auto lock = io::folder_lock::take(f / "a", 60s);
                if (!lock) continue;
                if (++inside != 1) ++not_alone;
                ++taken;
                std::this_thread::yield();
                --inside;
            }
        });
    all.clear();
    BOOST_TEST(taken == 40000);
    BOOST_TEST(not_alone == 0);
}

BOOST_AUTO_TEST_SUITE_END()
