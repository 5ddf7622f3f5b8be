// A fleet's dealings with its cluster, without one.
#include "io/fleet/context.hpp"
#include "io/fleet/https.hpp"
#include "io/fleet/member.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

using namespace chronoknock;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// Made for this test: for "lab", signed by itself.
constexpr const char* certificate = R"(-----BEGIN CERTIFICATE-----
MIIBhDCCASmgAwIBAgIUU49DlpoX+rmjXpt+CwP5dbdJyXQwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDbGFiMCAXDTI2MTEyOTEwMTUxMVoYDzIxMjYxMTA1MTAxNTEx
WjAOMQwwCgYDVQQDDANsYWIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARplhIe
n5AQ2x68s/0tBdAMFUpKwizHtI0rEa16vwedZ4DM8JzBjA8z59iNKDnyf+ZuiIqK
uPxd14i4JLaYU3Wno2MwYTAdBgNVHQ4EFgQUXeycPN7gitntWV8SYvnLwXfZxi0w
HwYDVR0jBBgwFoAUXeycPN7gitntWV8SYvnLwXfZxi0wDwYDVR0TAQH/BAUwAwEB
/zAOBgNVHREEBzAFggNsYWIwCgYIKoZIzj0EAwIDSQAwRgIhALFmYTNBs2tP8rmq
YdfZ4gKmWyWgyYKqKtW+VegutsjdAiEA8CnLJEKL0ghI4zp/on9fB9THeZ8CdKWd
3fX/Rv/qwOg=
-----END CERTIFICATE-----
)";
constexpr const char* plain_key = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeD9/ES8IRwgWiydH
JUeV9thLD4T7mfaYXgoIoNFSJT2hRANCAARplhIen5AQ2x68s/0tBdAMFUpKwizH
tI0rEa16vwedZ4DM8JzBjA8z59iNKDnyf+ZuiIqKuPxd14i4JLaYU3Wn
-----END PRIVATE KEY-----
)";
constexpr const char* encrypted_key = R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhFllqVCrrojAICA+gw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEIrWIyKzVtKOmG6DoHdTd80EgZCe
yjwSPmhs1Fk7fHW2J3sf/KrkI1syO6KgBNR2Bcfk4ycjiuoJGAa66ltwJ7kKn6F1
U+9RCzE72EBIhwiwCFH+T3D2b0O7pUUyH4YqQxef0M/b5pv2YgGSQJM0ikVtMJJE
sp7Sdd1JsMWud+fifoiJP6Qj+noPK4A/BzSUWJHlLyFnn5qj6bYaKI6n2DJ0SOE=
-----END ENCRYPTED PRIVATE KEY-----
)";

config::fleet_settings settings(const char* private_key = plain_key) {
    config::fleet_settings f;
    f.endpoints = {{"127.0.0.1", 1}};
    f.ca_file = f.cert_file = f.key_file = "lab.pem";
    f.ca_text = f.cert_text = certificate;
    f.key_text = private_key;
    f.name = "alpha";
    f.seal = key::secret_bytes(32, 7);
    return f;
}

} // namespace

BOOST_AUTO_TEST_SUITE(fleets)

BOOST_AUTO_TEST_CASE(an_encrypted_key_is_an_error_and_asks_nobody) {
    const auto fit = io::fleet_context(settings());
    BOOST_REQUIRE(fit);
    BOOST_TEST((SSL_CTX_get_default_passwd_cb((*fit)->native_handle()) != nullptr)); // none: the terminal
    const auto unfit = io::fleet_context(settings(encrypted_key));
    BOOST_REQUIRE(!unfit);
    BOOST_TEST(unfit.error().text.find("not encrypted") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(settings_that_are_not_taken_change_nothing) {
    asio::io_context context;
    const auto member =
        std::make_shared<io::fleet_member>(context, settings(), io::addresses_of, [] { return unix_time{}; });
    auto unfit = settings(encrypted_key);
    unfit.when_lost = config::on_loss::local;
    BOOST_TEST(!member->use(unfit));
    BOOST_TEST((member->settings() == settings()));
    auto fit = settings();
    fit.when_lost = config::on_loss::local;
    BOOST_TEST(member->use(fit).has_value());
    BOOST_TEST((member->settings() == fit));
    member->close();
}

BOOST_AUTO_TEST_CASE(a_dead_address_leaves_the_next_its_time_and_long_answers_are_not_read) {
    asio::io_context context;
    tcp::acceptor living(context, {asio::ip::make_address("127.0.0.1"), 0});
    const auto port = living.local_endpoint().port();
    // It takes connections, and says nothing.
    tcp::acceptor dead(context, {asio::ip::make_address("127.0.0.2"), port});
    asio::ssl::context server(asio::ssl::context::tls_server);
    server.use_certificate_chain(asio::buffer(std::string_view(certificate)));
    server.use_private_key(asio::buffer(std::string_view(plain_key)), asio::ssl::context::pem);
    int connections = 0;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            for (;;) {
                asio::ssl::stream<tcp::socket> s(co_await living.async_accept(asio::use_awaitable), server);
                ++connections;
                co_await s.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
                asio::streambuf question;
                co_await asio::async_read_until(s, question, "\r\n\r\n", asio::use_awaitable);
                const std::string answer =
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n" +
                    std::string(1000, 'x');
                co_await asio::async_write(s, asio::buffer(answer), asio::use_awaitable);
            }
        },
        asio::detached);
    const auto names = std::make_shared<io::lookup>(
        context.get_executor(), [](const std::string&) -> result<std::vector<address>> {
            return std::vector<address>{*address::parse("127.0.0.2"), *address::parse("127.0.0.1")};
        });
    const auto peer =
        std::make_shared<io::https_peer>(context.get_executor(), config::fleet_endpoint{"lab", port}, names);
    peer->use(*io::fleet_context(settings()));
    std::vector<std::string> answers;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            const auto ask = [&](std::size_t most) -> asio::awaitable<std::string> {
                io::http_question q;
                q.path = "/";
                q.most_answer = most;
                const auto a = co_await peer->ask(std::move(q), 4s);
                co_return a ? std::to_string(a->body.size()) : a.error().text;
            };
            const auto deadline = std::chrono::steady_clock::now() + 10s;
            std::string first;
            do { // until the name is looked up
                first = co_await ask(1000);
                asio::steady_timer others(context, 10ms); // have to have their turn
                co_await others.async_wait(asio::use_awaitable);
            } while (first.find("looked up") != first.npos && std::chrono::steady_clock::now() < deadline);
            answers.push_back(first);
            answers.push_back(co_await ask(999));
            context.stop();
        },
        asio::detached);
    context.run_for(20s);
    BOOST_TEST((answers == std::vector<std::string>{"1000", std::string(io::too_long_answer)}));
    BOOST_TEST(connections == 2);
    names->close();
}

BOOST_AUTO_TEST_SUITE_END()
