#include "folder.hpp"
#include "io/system/files.hpp"
#include "io/system/publish.hpp"

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>
#include <unistd.h>

using namespace chronoknock::io;

namespace {

std::ptrdiff_t files_in(const folder& f) {
    return std::distance(std::filesystem::directory_iterator(f.path()), {});
}

} // namespace

BOOST_AUTO_TEST_CASE(a_file_takes_the_place_of_another) {
    folder f;
    const auto path = f / "m.prom";
    const auto mask = ::umask(077);
    BOOST_REQUIRE(publish_file(path, "one", 0644));
    ::umask(mask);
    struct stat first{}, second{};
    BOOST_TEST(::stat(path.c_str(), &first) == 0);
    BOOST_TEST((first.st_mode & 07777) == 0644u);
    BOOST_REQUIRE(publish_file(path, "two", 0600));
    BOOST_TEST(read_file(path).value() == "two");
    BOOST_TEST(::stat(path.c_str(), &second) == 0);
    BOOST_TEST((second.st_mode & 07777) == 0600u);
    BOOST_TEST(first.st_ino != second.st_ino); // renamed: who reads the old one reads it to its end
    BOOST_TEST(files_in(f) == 1);
}

BOOST_AUTO_TEST_CASE(a_folder_is_moved_aside_where_that_is_wanted) {
    folder f;
    const auto path = f / "guard.nft";
    BOOST_REQUIRE(::mkdir(path.c_str(), 0700) == 0);
    BOOST_TEST(!put_in_place(path, "x"));
    BOOST_REQUIRE(replace_file(path, "one"));
    BOOST_TEST(read_file(path).value() == "one");
    BOOST_TEST(files_in(f) == 1); // an empty one is removed
    ::unlink(path.c_str());
    BOOST_REQUIRE(replace_file(path + "/inside", "x")); // makes the folder
    BOOST_REQUIRE(replace_file(path, "two"));
    BOOST_TEST(read_file(path).value() == "two");
    BOOST_TEST(files_in(f) == 2);
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_not_replaced) {
    folder f;
    BOOST_TEST(!publish_file(f.path(), "x", 0644));
    BOOST_REQUIRE(::mkfifo((f / "pipe").c_str(), 0600) == 0);
    BOOST_TEST(publish_file(f / "pipe", "x", 0644).error().text ==
               (f / "pipe") + ": expected a regular file or nothing there");
    BOOST_TEST(!publish_file(f / "none/file", "x", 0644));
    BOOST_TEST(files_in(f) == 1);
    // Through a link nothing is written: the link is what is replaced.
    BOOST_REQUIRE(publish_file(f / "file", "kept", 0600));
    BOOST_REQUIRE(::symlink((f / "file").c_str(), (f / "link").c_str()) == 0);
    BOOST_REQUIRE(publish_file(f / "link", "new", 0600));
    BOOST_TEST(read_file(f / "file").value() == "kept");
}
