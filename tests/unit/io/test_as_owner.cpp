#include "folder.hpp"
#include "io/store/record_summary.hpp"
#include "io/system/as_owner.hpp"
#include "io/system/privileges.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace chronoknock;
using namespace chronoknock::io;

namespace {

constexpr uid_t nobody = 65534;

/// A file of somebody else's, and one that everybody can read, elsewhere.
struct lab {
    lab() {
        for (const auto& where : {of_owner.path(), elsewhere.path()}) ::chmod(where.c_str(), 0755);
        for (const auto& file : {record, outside}) std::ofstream(file) << "text";
        ::chmod(outside.c_str(), 0644);
        if (::geteuid() == 0) BOOST_REQUIRE(::chown(record.c_str(), nobody, nobody) == 0);
    }
    folder of_owner, elsewhere;
    std::string record = of_owner / "state.db", outside = elsewhere / "outside";
};

result<std::string> text(std::string t) { return {boost::system::in_place_value, std::move(t)}; }

std::string contents(const std::string& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

BOOST_FIXTURE_TEST_CASE(work_has_the_rights_of_the_owner_and_no_others, lab) {
    const auto wanted = ::geteuid() == 0 ? nobody : ::geteuid();
    const auto who = do_as_owner(record, [&] {
        return text(std::to_string(::geteuid()) + " " + std::to_string(::getgroups(0, nullptr)) + " " +
                    std::to_string(capabilities().size()) + " " + contents(record) + " " +
                    contents("/etc/shadow"));
    });
    BOOST_TEST(who.value().starts_with(std::to_string(wanted) + " "));
    if (::geteuid() == 0) BOOST_TEST(who.value() == "65534 0 0 text ");
}

BOOST_FIXTURE_TEST_CASE(a_file_of_ours_is_read_without_our_other_rights, lab) {
    BOOST_TEST(do_as_owner(outside, [] { return text(std::to_string(capabilities().size())); }).value() ==
               "0");
}

BOOST_FIXTURE_TEST_CASE(its_errors_come_back_in_one_line, lab) {
    const auto refused = do_as_owner(record, []() -> result<std::string> { return error{"no\nrecord"}; });
    BOOST_TEST(refused.error().text == "no\\x0arecord");
    BOOST_TEST(!do_as_owner(record, []() -> result<std::string> { ::_exit(1); }));
    BOOST_TEST(!do_as_owner(record, []() -> result<std::string> { throw std::bad_alloc(); }));
    BOOST_TEST(do_as_owner(record, [] { return text(std::string(3 << 20, 'x')); })->size() == 3 << 20);
}

BOOST_FIXTURE_TEST_CASE(what_is_no_file_is_not_read, lab) {
    const auto never = []() -> result<std::string> { return text("read"); };
    const std::string link = of_owner / "link", fifo = of_owner / "fifo";
    BOOST_REQUIRE(::symlink(outside.c_str(), link.c_str()) == 0);
    BOOST_REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    for (const std::string& path : {link, fifo, of_owner / "none", of_owner / "."})
        BOOST_TEST(!do_as_owner(path, never), path);
    BOOST_TEST(newest_places(of_owner / "none")->empty());
    BOOST_TEST(!newest_places(link));
    BOOST_TEST(!newest_places(record)); // no database
}
