#include "io/fleet/context.hpp"

#include "base/text.hpp"

namespace chronoknock::io {

namespace asio = boost::asio;

result<std::shared_ptr<asio::ssl::context>> fleet_context(const config::fleet_settings& f) {
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    context->set_verify_mode(asio::ssl::verify_peer);
    boost::system::error_code ec;
    if (f.ca_file.empty())
        context->set_default_verify_paths(ec);
    else
        context->add_certificate_authority(asio::buffer(f.ca_text), ec);
    if (ec) return error{"ca: " + printable(f.ca_file) + ": expected certificates in PEM"};
    if (f.cert_file.empty()) return context;
    // OpenSSL itself would ask whoever is at the terminal.
    context->set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return ""; }, ec);
    context->use_certificate_chain(asio::buffer(f.cert_text), ec);
    if (ec) return error{"cert: " + printable(f.cert_file) + ": expected a certificate in PEM"};
    context->use_private_key(asio::buffer(f.key_text.data(), f.key_text.size()), asio::ssl::context::pem, ec);
    if (ec || SSL_CTX_check_private_key(context->native_handle()) != 1)
        return error{"key: " + printable(f.key_file) +
                     ": expected the private key of cert in PEM, not encrypted"};
    return context;
}

} // namespace chronoknock::io
