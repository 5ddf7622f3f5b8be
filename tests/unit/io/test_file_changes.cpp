#include "folder.hpp"
#include "io/system/file_changes.hpp"
#include "io/system/files.hpp"
#include "io/system/include.hpp"
#include "io/system/qr_code.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace chronoknock;
namespace fs = std::filesystem;

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

/// All that a folder holds, and the texts of its files.
std::vector<std::string> listing(const std::string& root) {
    std::vector<std::string> all;
    for (const auto& e : fs::recursive_directory_iterator(root))
        all.push_back(e.path().string() +
                      (e.is_regular_file() ? "=" + io::read_file(e.path()).value() : "/"));
    std::ranges::sort(all);
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(file_changes)

BOOST_AUTO_TEST_CASE(changes_are_kept) {
    const folder f;
    put(f / "old", "1", 0644);
    put(f / "gone", "2");
    fs::create_symlink("old", f / "link");
    {
        auto made = io::made_changes::make({{{f / "a/b/new", "x"}, {f / "link", "y"}}, {f / "gone"}});
        BOOST_REQUIRE_MESSAGE(made.has_value(), made.error().text);
        made->keep();
    }
    BOOST_TEST(io::read_file(f / "a/b/new").value() == "x");
    BOOST_TEST(mode_of(f / "a/b/new") == 0600u);
    BOOST_TEST(mode_of(f / "a") == 0700u);
    BOOST_TEST(mode_of(f / "a/b") == 0700u);
    BOOST_TEST(io::read_file(f / "old").value() == "y");
    BOOST_TEST(mode_of(f / "old") == 0644u);
    BOOST_TEST(fs::is_symlink(f / "link"));
    BOOST_TEST(!fs::exists(f / "gone"));
    BOOST_TEST(listing(f / "").size() == 5u);
}

BOOST_AUTO_TEST_CASE(what_is_not_kept_was_never_there) {
    const folder f;
    put(f / "old", "1", 0640);
    put(f / "gone", "2");
    const auto before = listing(f / "");
    const io::file_changes wanted{{{f / "a/b/new", "x"}, {f / "old", "y"}}, {f / "gone"}};
    {
        auto made = io::made_changes::make(wanted);
        BOOST_REQUIRE(made.has_value());
        BOOST_TEST(io::read_file(f / "old").value() == "y");
    }
    BOOST_TEST((listing(f / "") == before));
    BOOST_TEST(mode_of(f / "old") == 0640u);
    auto more = wanted;
    more.gone.push_back(f / "none"); // fails at the end
    const auto failed = io::made_changes::make(more);
    BOOST_REQUIRE(!failed.has_value());
    BOOST_TEST(failed.error().text == f / "none" + ": cannot remove: No such file or directory");
    BOOST_TEST((listing(f / "") == before));
}

BOOST_AUTO_TEST_CASE(files_come_and_go_in_the_order_that_was_asked_for) {
    const folder f;
    put(f / "z-names-a", "1");
    put(f / "a", "2");
    put(f / "old", "3");
    const int events = ::inotify_init1(IN_NONBLOCK);
    ::inotify_add_watch(events, f.path().c_str(), IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO);
    {
        auto made = io::made_changes::make(
            {{{f / "y", "x", true}, {f / "b", "x", true}, {f / "old", "4"}}, {f / "z-names-a", f / "a"}});
        BOOST_REQUIRE(made.has_value());
        made->keep();
    }
    std::vector<std::string> names; // less those that no pattern matches
    alignas(inotify_event) char buffer[4096];
    const auto size = ::read(events, buffer, sizeof buffer);
    for (std::ptrdiff_t at = 0; at < size;) {
        const auto* const e = reinterpret_cast<const inotify_event*>(buffer + at);
        if (e->name[0] != '.') names.emplace_back(e->name);
        at += static_cast<std::ptrdiff_t>(sizeof(inotify_event) + e->len);
    }
    ::close(events);
    BOOST_TEST(names == (std::vector<std::string>{"y", "b", "old", "z-names-a", "a"}),
               boost::test_tools::per_element());
    BOOST_TEST(listing(f / "").size() == 3u);
}

BOOST_AUTO_TEST_CASE(what_is_to_be_new_takes_nobodys_place) {
    const folder f;
    put(f / "there", "mine");
    fs::create_symlink("none", f / "link");
    for (const auto* name : {"there", "link"}) {
        const auto made = io::made_changes::make({{{f / "first", "x", true}, {f / name, "y", true}}, {}});
        BOOST_REQUIRE(!made.has_value());
        BOOST_TEST(made.error().text == f / name + ": exists already, and is never overwritten");
        BOOST_TEST(!fs::exists(f / "first"));
    }
    BOOST_TEST(io::read_file(f / "there").value() == "mine");
}

BOOST_AUTO_TEST_CASE(what_lies_where_a_file_is_written_first_is_not_followed) {
    const folder f;
    put(f / "old", "1", 0640);
    put(f / "victim", "v");
    fs::create_symlink("victim", f / "old.new");
    fs::create_symlink("victim", f / ".old.new");
    {
        auto made = io::made_changes::make({{{f / "old", "2"}}, {}});
        BOOST_REQUIRE(made.has_value());
        made->keep();
    }
    BOOST_TEST(io::read_file(f / "old").value() == "2");
    BOOST_TEST(mode_of(f / "old") == 0640u);
    BOOST_TEST(io::read_file(f / "victim").value() == "v");
    BOOST_TEST(mode_of(f / "victim") == 0600u);
    BOOST_TEST(fs::is_symlink(f / "old.new")); // whoever's it is
    if (::geteuid() == 0) {
        BOOST_REQUIRE(::chown((f / "old").c_str(), 65534, 65534) == 0);
        auto made = io::made_changes::make({{{f / "old", "3"}}, {}});
        BOOST_REQUIRE(made.has_value());
        made->keep();
        struct stat s{};
        BOOST_REQUIRE(::stat((f / "old").c_str(), &s) == 0);
        BOOST_TEST(s.st_uid == 65534u);
        BOOST_TEST((s.st_mode & 07777) == 0640u);
    }
}

BOOST_AUTO_TEST_CASE(what_a_kill_left_aside_is_deleted) {
    const folder f;
    for (const auto* name : {"a.key", ".a.key.removed", "b.removed", ".removed.key"}) put(f / name, "x");
    fs::create_symlink("a.key", f / ".b.removed");
    io::remove_put_aside(f / "");
    BOOST_TEST(!fs::exists(f / ".a.key.removed"));
    BOOST_TEST(listing(f / "").size() == 4u);
    io::remove_put_aside(f / "none");
}

BOOST_AUTO_TEST_CASE(a_signal_waits_for_the_end) {
    const folder f;
    static volatile std::sig_atomic_t came = 0;
    const auto old = std::signal(SIGTERM, [](int) { came = 1; });
    {
        auto made = io::made_changes::make({{{f / "new", "x"}}, {}});
        ::raise(SIGTERM);
        BOOST_TEST(came == 0);
    }
    BOOST_TEST(came == 1);
    std::signal(SIGTERM, old);
}

BOOST_AUTO_TEST_CASE(included_files_as_they_are_and_as_they_will_be) {
    const folder f;
    const auto paths = [&](const std::string& pattern, const io::file_changes& after = {}) {
        std::string all;
        const auto files = io::read_included(pattern, after);
        if (!files) return files.error().text;
        for (const auto& one : *files) all += fs::path(one.path).filename().string() + "=" + one.text + " ";
        return all;
    };
    BOOST_TEST(paths(f / "none/*.ini") == "");
    BOOST_TEST(paths(f / "*.ini") == "");
    put(f / "b.ini", "2");
    put(f / "a.ini", "1");
    put(f / ".a.ini", "hidden");
    put(f / "a.ini.new", "half");
    BOOST_TEST(paths(f / "*.ini") == "a.ini=1 b.ini=2 ");
    BOOST_TEST(paths(f / "*.ini", {{{f / "ab.ini", "n"}, {f / "b.ini", "3"}, {f / "c", "no"}},
                                   {f / "a.ini"}}) == "ab.ini=n b.ini=3 ");
    fs::create_directory(f / "d.ini");
    BOOST_TEST(paths(f / "d*.ini") == f / "d.ini" + ": cannot read: Is a directory");
}

BOOST_AUTO_TEST_CASE(a_qr_code_is_square_and_has_a_quiet_zone) {
    const auto code = io::qr_code("chronoknock", false);
    BOOST_REQUIRE(code.has_value());
    // version 1: 21 modules and 8 of the zone, two rows a line
    BOOST_TEST(std::ranges::count(*code, '\n') == 15);
    BOOST_TEST(code->starts_with("\u2588\u2588\u2588\u2588"));
    BOOST_TEST(io::qr_code(std::string(2953, 'a'), true).has_value());
    BOOST_TEST(io::qr_code(std::string(2954, 'a'), true).error().text ==
               "2954 bytes are too many for a QR code, which holds 2953");
}

BOOST_AUTO_TEST_SUITE_END()
