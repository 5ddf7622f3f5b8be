#include "folder.hpp"
#include "io/system/folder_lock.hpp"

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>
#include <unistd.h>

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
        struct stat s {};
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
    BOOST_TEST(lock.error().text.starts_with(f / "link" + ": cannot open: "), lock.error().text);
}

BOOST_AUTO_TEST_SUITE_END()
