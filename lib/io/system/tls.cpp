#include "io/system/tls.hpp"

#include "base/address.hpp"

#include <openssl/x509v3.h>

namespace chronoknock::io {

bool expect_host(SSL* ssl, const std::string& host) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (address::parse(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
    return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

} // namespace chronoknock::io
