#include "io/time/nts_ke.hpp"

#include "base/text.hpp"
#include "io/client/endpoint.hpp"
#include "io/system/files.hpp"
#include "io/system/internet_socket.hpp"
#include "io/system/tls.hpp"
#include "io/time/lookup.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <openssl/ssl.h>

namespace chronoknock::io {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using bytes = std::vector<std::uint8_t>;

constexpr auto patience = seconds(5); ///< with one address, from the connect to the last byte
constexpr unsigned char protocol[] = {7, 'n', 't', 's', 'k', 'e', '/', '1'};
constexpr auto token = asio::as_tuple(asio::use_awaitable);

/// One TLS connection. It closes itself when its time is over, and whatever waits on it then fails.
struct connection {
    connection(asio::any_io_executor executor, asio::ssl::context& context)
        : stream(executor, context), timer(executor, patience) {}

    asio::ssl::stream<tcp::socket> stream;
    asio::steady_timer timer;
    bool late = false;
    std::optional<timesync::judging_time> judged{}; ///< what the dates of certificates are checked by

    void close() {
        timer.cancel();
        boost::system::error_code ignored;
        stream.lowest_layer().close(ignored);
    }
};

std::shared_ptr<connection> make_connection(asio::any_io_executor executor, asio::ssl::context& context) {
    auto c = std::make_shared<connection>(std::move(executor), context);
    c->timer.async_wait([c](boost::system::error_code ec) {
        if (ec) return;
        c->late = true;
        c->close();
    });
    return c;
}

void expect_dates(SSL* ssl, const std::optional<timesync::judging_time>& judged) {
    auto* const rules = SSL_get0_param(ssl);
    if (judged)
        X509_VERIFY_PARAM_set_time(rules, to_seconds(judged->at));
    else
        X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_NO_CHECK_TIME);
}

bool agreed_on_protocol(const SSL* ssl) {
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &chosen, &size);
    return std::ranges::equal(std::span{chosen, size}, std::span{protocol}.subspan(1));
}

result<key::siv> exported_key(SSL* ssl, bool client_to_server) {
    const auto context = timesync::nts_exporter_context(client_to_server);
    constexpr std::string_view label = timesync::nts_exporter_label;
    key::siv::key_bytes key;
    if (SSL_export_keying_material(ssl, key.data(), key.size(), label.data(), label.size(), context.data(),
                                   context.size(), 1) != 1)
        return error{"TLS exports no keys"};
    return key::siv{key};
}

/// Of a certificate whose dates are not good: by what they were judged.
std::string dates_judged(long verdict, const std::optional<timesync::judging_time>& judged) {
    if (!judged || (verdict != X509_V_ERR_CERT_HAS_EXPIRED && verdict != X509_V_ERR_CERT_NOT_YET_VALID))
        return {};
    return ", judged by " + utc(to_seconds(judged->at)) + " UTC, the time of " + std::string(judged->by);
}

/// Why a step failed: the connection's own reasons before those of the system.
error why(connection& c, std::string_view step, const boost::system::error_code& ec) {
    if (c.late) return {std::string{step} + ": no answer in time"};
    const auto verdict = SSL_get_verify_result(c.stream.native_handle());
    if (verdict != X509_V_OK)
        return {std::string{"the certificate is not accepted: "} + X509_verify_cert_error_string(verdict) +
                dates_judged(verdict, c.judged)};
    return {std::string{step} + ": " + ec.message()};
}

struct keys {
    timesync::nts_session session;
    timesync::nts_ke_answer answer;
};

/// The whole exchange over a connection to one address.
asio::awaitable<result<keys>> exchange(std::shared_ptr<connection> c, tcp::endpoint to, std::string host,
                                       std::optional<timesync::judging_time> at) {
    SSL* const ssl = c->stream.native_handle();
    c->judged = at;
    expect_dates(ssl, at);
    if (!expect_host(ssl, host) || SSL_set_alpn_protos(ssl, protocol, sizeof protocol) != 0)
        co_return error{"TLS does not take the name"};

    boost::system::error_code unopened;
    open_internet_socket(c->stream.next_layer(), to.protocol(), unopened);
    if (unopened) co_return why(*c, "connect", unopened);
    const auto [refused] = co_await c->stream.next_layer().async_connect(to, token);
    if (refused) co_return why(*c, "connect", refused);
    const auto [untrusted] = co_await c->stream.async_handshake(asio::ssl::stream_base::client, token);
    if (untrusted) co_return why(*c, "TLS handshake", untrusted);
    if (!agreed_on_protocol(ssl)) co_return error{"the server does not speak ntske/1"};

    const auto request = timesync::encode_nts_ke_request();
    const auto [unsent, sent] = co_await asio::async_write(c->stream, asio::buffer(request), token);
    if (unsent) co_return why(*c, "sending", unsent);

    bytes received(timesync::nts_ke_limit);
    std::size_t size = 0;
    std::optional<std::size_t> whole;
    while (!whole) {
        if (size == received.size()) co_return error{"the answer is too long"};
        const auto space = asio::buffer(received.data() + size, received.size() - size);
        const auto [failed, n] = co_await c->stream.async_read_some(space, token);
        if (failed) co_return why(*c, "receiving", failed);
        size += n;
        whole = timesync::nts_ke_message_size(std::span{received}.first(size));
    }
    auto answer = timesync::parse_nts_ke_answer(std::span{received}.first(*whole));
    if (!answer) co_return answer.error();
    const auto there = exported_key(ssl, true);
    const auto back = exported_key(ssl, false);
    if (!there || !back) co_return error{"TLS exports no keys"};
    timesync::nts_session session{*there, *back, answer->cookies};
    keys k{std::move(session), std::move(*answer)};
    co_return k;
}

/// Says goodbye to the server without waiting for it.
void part(std::shared_ptr<connection> c) {
    auto& stream = c->stream;
    stream.async_shutdown([c = std::move(c)](boost::system::error_code) { c->close(); });
}

} // namespace

namespace {

error no_authorities(const std::string& ca_file) {
    return {printable(ca_file) + ": expected a readable file of certificates in PEM"};
}

} // namespace

result<std::string> read_authorities(const std::string& ca_file) {
    auto text = read_file(ca_file);
    return text ? text : result<std::string>(no_authorities(ca_file));
}

result<void> add_authorities(config::time_settings& settings,
                             const std::function<result<std::string>(const std::string&)>& read) {
    if (settings.ca_file.empty()) return {};
    auto text = read(settings.ca_file);
    if (!text) return text.error();
    settings.ca_text = std::move(*text);
    return {};
}

result<asio::ssl::context> nts_context(const std::string& ca_file, std::string_view ca_text) {
    asio::ssl::context context{asio::ssl::context::tls_client};
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_3_VERSION);
    context.set_verify_mode(asio::ssl::verify_peer);
    boost::system::error_code ec;
    if (ca_file.empty())
        context.set_default_verify_paths(ec);
    else
        context.add_certificate_authority(asio::buffer(ca_text), ec);
    if (ec) return no_authorities(ca_file);
    return context;
}

asio::awaitable<result<nts_association>> establish_nts(lookup& names, asio::ssl::context& context,
                                                       std::string host, std::uint16_t port,
                                                       std::optional<timesync::judging_time> at) {
    const auto addresses = co_await names.resolve(host);
    if (!addresses) co_return addresses.error();

    const auto executor = co_await asio::this_coro::executor;
    error last{"NTS key establishment failed"};
    for (const auto& a : *addresses) {
        const auto c = make_connection(executor, context);
        const tcp::endpoint to{to_asio(a), port};
        auto got = co_await exchange(c, to, host, at);
        if (!got) {
            c->close();
            last.text = "NTS key establishment with " + a.to_string() + ": " + got.error().text;
            continue;
        }
        part(c);
        const auto& answer = got->answer;
        std::vector<address> servers{a};
        if (!answer.host.empty()) {
            auto named = co_await names.resolve(answer.host);
            if (!named) co_return named.error();
            servers = std::move(*named);
        }
        nts_association made{std::move(got->session), {}};
        for (const auto& s : servers) made.servers.push_back({s, answer.port});
        co_return made;
    }
    co_return last;
}

} // namespace chronoknock::io
