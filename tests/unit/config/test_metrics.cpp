#include "config/metrics.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

result<config::metrics_settings> read(const std::string& text) {
    const auto sections = parse_ini(text);
    config::metrics_settings m;
    const auto done = config::read_metrics("c.ini", sections.value().back(), "/etc/c/", m);
    if (!done) return done.error();
    return m;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_section_of_metrics) {
    const auto m = read("[metrics]\nfile = m.prom\ninterval = 1m\nlisten = [::1]:9753\n").value();
    BOOST_TEST(m.file == "/etc/c/m.prom");
    BOOST_TEST((m.interval == 1min));
    BOOST_TEST(m.listen->to_string() == "[::1]:9753");
    BOOST_TEST((read("[metrics]\n").value() == config::metrics_settings()));
    BOOST_TEST(read("[metrics]\nlisten = unix:m.sock\n")->listen->to_string() == "unix:/etc/c/m.sock");
    BOOST_TEST(read("[metrics]\nlisten = unix:/run/m.sock\n")->listen->path == "/run/m.sock");
    BOOST_TEST(read("[metrics]\nlisten = 127.8.8.8:1\n")->listen->to_string() == "127.8.8.8:1");
}

BOOST_DATA_TEST_CASE(metrics_are_for_this_machine_alone,
                     data::make({"0.0.0.0:9753", "[::]:9753", "192.0.2.1:9753", "[2001:db8::1]:9753", ":9753",
                                 "9753", "localhost:9753", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536",
                                 "::1:9753", "[127.0.0.1]:9753", "[::1]", "[]:1", "128.0.0.1:1",
                                 "[::ffff:10.0.0.1]:1", "127.0.0.1:9753 ", "unix", "*:9753"}),
                     text) {
    const auto place = config::metrics_place::parse(text, "/etc/c/");
    BOOST_REQUIRE(!place);
    BOOST_TEST(place.error().text.starts_with("expected unix:PATH, 127.0.0.1:PORT or [::1]:PORT: "));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_told_with_its_place) {
    BOOST_TEST(read("[metrics]\ninterval = 0\n").error().text.starts_with("c.ini:2: [metrics] interval: "));
    BOOST_TEST(read("[metrics]\nport = 1\n").error().text ==
               "c.ini:2: [metrics] port: unknown field; expected one of file, interval, listen");
    BOOST_TEST(!read("[metrics]\nlisten = unix:\n"));
    BOOST_TEST(!read("[metrics]\nlisten = unix:/" + std::string(107, 'x') + "\n"));
}
