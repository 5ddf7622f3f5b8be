#pragma once

#include "config/server.hpp"
#include "method/static/key.hpp"
#include "method/time_sequence/credential.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>

namespace chronoknock::config_lab {

/// Keys by path; each has a secret of its own, made from its path.
inline key::psk psk_at(const std::string& path) {
    key::psk k;
    k.secret.assign(16, 0);
    std::copy_n(path.begin(), std::min<std::size_t>(path.size(), 16), k.secret.begin());
    if (path == "/keys/copy.key") k.secret = psk_at("/keys/a.key").secret;
    if (path == "/keys/timeless.key") k.ignore_time = true;
    if (path == "/keys/long.key") k.length = 64;
    return k;
}

inline result<key::credential_ptr> load(const std::string& path) {
    if (path == "/keys/none.key") return error{path + ": cannot open: No such file or directory"};
    if (path == "/keys/fixed.key") return fixed::read_sequences("7000, 8000, 9000; 7001, 8001, 9001");
    return key::credential_ptr(std::make_shared<time_sequence::credential>(psk_at(path)));
}

inline const std::string minimal =
    "[service.ssh]\nports = tcp/22\n[key.alice]\nfile = /keys/a.key\nservices = ssh\n";

inline std::string complaint(const std::string& text) {
    const auto s = config::parse_server(text, "/etc/c.ini", load);
    return s ? "accepted" : s.error().text;
}

} // namespace chronoknock::config_lab
