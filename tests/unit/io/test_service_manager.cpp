#include "folder.hpp"
#include "io/system/service_manager.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

using namespace chronoknock;
using namespace std::chrono_literals;

namespace {

/// A socket that hears what a manager hears, at a path or in the abstract namespace.
class listening {
public:
    explicit listening(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        sockaddr_un a{};
        a.sun_family = AF_UNIX;
        name.copy(a.sun_path, name.size());
        if (name[0] == '@') a.sun_path[0] = '\0';
        BOOST_REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&a),
                             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())) == 0);
    }
    std::vector<std::string> heard() const {
        std::vector<std::string> all;
        char buffer[100];
        for (ssize_t n = 0; (n = ::recv(socket_.get(), buffer, sizeof buffer, 0)) >= 0;)
            all.emplace_back(buffer, static_cast<std::size_t>(n));
        return all;
    }

private:
    io::descriptor socket_;
};

struct environment {
    environment(const std::string& socket, const char* interval, const std::string& pid) {
        ::setenv("NOTIFY_SOCKET", socket.c_str(), 1);
        ::setenv("WATCHDOG_USEC", interval, 1);
        ::setenv("WATCHDOG_PID", pid.c_str(), 1);
    }
    ~environment() {
        for (const auto* name : names) ::unsetenv(name);
    }
    bool is_empty() const {
        for (const auto* name : names)
            if (std::getenv(name)) return false;
        return true;
    }
    static constexpr const char* names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
};

using words = std::vector<std::string>;

} // namespace

BOOST_AUTO_TEST_CASE(a_manager_hears_that_the_server_serves_lives_and_ends) {
    folder f;
    for (const auto& name : {f / "notify", "@chronoknock-" + std::to_string(::getpid())}) {
        const listening manager(name);
        const environment given(name, "40000", std::to_string(::getpid()));
        boost::asio::io_context context;
        io::service_manager m(context);
        m.read_environment();
        BOOST_TEST(given.is_empty());
        BOOST_REQUIRE(m.connect());
        BOOST_TEST(manager.heard().empty());
        m.ready();
        BOOST_TEST(manager.heard() == (words{"READY=1", "WATCHDOG=1"}), boost::test_tools::per_element());
        BOOST_REQUIRE(context.run_one_for(10s) == 1);
        BOOST_REQUIRE(context.run_one_for(10s) == 1);
        BOOST_TEST(manager.heard() == (words{"WATCHDOG=1", "WATCHDOG=1"}), boost::test_tools::per_element());
        m.stopping();
        context.run(); // nothing goes on
        BOOST_TEST(manager.heard() == words{"STOPPING=1"}, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(a_watchdog_that_is_of_another_process_or_none) {
    for (const auto& [interval, pid] : {std::pair{"1000000", "1"}, {"0", ""}, {"many", ""}, {"", ""}}) {
        const environment given("", interval, pid);
        boost::asio::io_context context;
        io::service_manager m(context);
        m.read_environment();
        BOOST_TEST(given.is_empty());
        BOOST_TEST(!m.patience());
    }
    const environment given("", "1000000", "");
    boost::asio::io_context context;
    io::service_manager m(context);
    m.read_environment();
    BOOST_TEST((m.patience() == nanoseconds(1s)));
}

BOOST_AUTO_TEST_CASE(without_a_manager_nothing_is_sent_and_a_wrong_one_is_told) {
    boost::asio::io_context context;
    io::service_manager none(context);
    none.read_environment();
    BOOST_TEST(none.connect().has_value());
    none.ready();
    none.stopping();
    folder f;
    for (const auto& name : {f / "nobody", std::string("relative"), "/" + std::string(200, 'x')}) {
        const environment given(name, "", "");
        io::service_manager m(context);
        m.read_environment();
        BOOST_TEST(m.connect().has_error());
        m.ready();
    }
}
