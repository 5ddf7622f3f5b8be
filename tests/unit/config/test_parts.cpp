#include "config/names.hpp"
#include "config/profile.hpp"
#include "config/server.hpp"
#include "method/time_sequence/credential.hpp"

#include <boost/test/unit_test.hpp>
#include <map>

using namespace chronoknock;

namespace {

result<key::credential_ptr> load(const std::string& path) {
    key::psk k;
    k.secret.assign(path.begin(), path.end());
    k.secret.resize(32);
    return key::credential_ptr(std::make_shared<time_sequence::credential>(std::move(k)));
}

/// A configuration at /etc/c.ini, with files that a pattern gives.
struct configuration {
    std::string own;
    std::vector<config::included_file> included;
    std::string asked = {};

    result<config::server> read() {
        return config::parse_server(own, "/etc/c.ini", load,
                                    [this](const std::string& pattern) -> result<std::vector<config::included_file>> {
                                        asked = pattern;
                                        return included;
                                    });
    }
    std::string complaint() {
        const auto s = read();
        return s ? "" : s.error().text;
    }
};

const std::string own = "[server]\ninclude = conf.d/*.ini\n[service.ssh]\nports = tcp/22\n";
const std::string alice = "[key.alice]\nfile = a.key\nservices = ssh, web\nuntil = 2026-12-31\nhost = h.example\n";
const std::string web = "[service.web]\nports = tcp/80\n";

} // namespace

BOOST_AUTO_TEST_CASE(services_and_keys_of_included_files_count) {
    configuration c{own, {{"/etc/conf.d/alice.ini", alice}, {"/etc/conf.d/web.ini", web}}};
    const auto s = c.read();
    BOOST_REQUIRE_MESSAGE(s.has_value(), s.error().text);
    BOOST_TEST(c.asked == "/etc/conf.d/*.ini");
    BOOST_REQUIRE(s->keys.size() == 1u);
    BOOST_TEST(s->keys[0].file == "/etc/conf.d/a.key"); // from the folder of its own file
    BOOST_TEST(s->keys[0].stands_in == "/etc/conf.d/alice.ini");
    BOOST_TEST(s->keys[0].services.size() == 2u);
    BOOST_TEST(to_seconds(s->keys[0].until.value()) == 1798675200);
    BOOST_TEST(s->keys[0].host == "h.example");
    BOOST_TEST(s->services[1].name == "web");
}

BOOST_AUTO_TEST_CASE(nothing_included_is_no_error) {
    configuration c{own + "[key.a]\nfile = a\nservices = ssh\n", {}};
    BOOST_TEST(c.complaint() == "");
    configuration without{"[service.ssh]\nports = tcp/22\n[key.a]\nfile = a\nservices = ssh\n",
                          {{"/etc/conf.d/x.ini", "nonsense"}}};
    BOOST_TEST(without.complaint() == "");
    BOOST_TEST(without.asked == "");
}

BOOST_AUTO_TEST_CASE(a_complaint_names_the_included_file) {
    const auto of = [](const std::string& text) {
        return configuration{own, {{"/etc/conf.d/alice.ini", alice}, {"/etc/conf.d/web.ini", web}, {"/x/b.ini", text}}}
            .complaint();
    };
    BOOST_TEST(of("") == "");
    BOOST_TEST(of("[key.bob]\nfile = b\nservices = none\n") ==
               "/x/b.ini:3: [key.bob] services: expected names of services, and there is no [service.none]");
    BOOST_TEST(of("noise\n") == "/x/b.ini:1: expected name = value");
    BOOST_TEST(of("a = b\n") == "/x/b.ini:1: a: expected a [section] before the first field");
    BOOST_TEST(of("\n[server]\nstate = /a\n") ==
               "/x/b.ini:2: [server] expected only [service.NAME] and [key.NAME] in an included file");
    BOOST_TEST(of("[keys]\n") ==
               "/x/b.ini:1: [keys] expected only [service.NAME] and [key.NAME] in an included file");
    BOOST_TEST(of("[key.alice]\nfile = b\nservices = ssh\n") ==
               "/x/b.ini:1: section [key.alice] stands twice; the other is /etc/conf.d/alice.ini:1");
    BOOST_TEST(of("[service.ssh]\nports = tcp/1\n") ==
               "/x/b.ini:1: section [service.ssh] stands twice; the other is /etc/c.ini:3");
    BOOST_TEST(of("[key.bob]\nfile = b\nservices = ssh\nuntil = soon\n") ==
               "/x/b.ini:4: [key.bob] until: expected a date like 2026-12-31, or 2026-12-31 18:00 (UTC), not 'soon'");
}

BOOST_AUTO_TEST_CASE(the_pattern_counts_from_the_folder_as_it_is) {
    const auto of = [](std::string_view text, const std::string& folder) {
        const auto p = config::parse_include(text, folder);
        return p ? *p : p.error().text;
    };
    BOOST_TEST(of("conf.d/*.ini", "/etc/") == "/etc/conf.d/*.ini");
    BOOST_TEST(of("/a/*.ini", "/etc/") == "/a/*.ini");
    BOOST_TEST(of("*.ini", "/a[1]?*\\/") == "/a\\[1]\\?\\*\\\\/*.ini");
    BOOST_TEST(of("", "/etc/") == "expected a pattern of paths, like conf.d/*.ini");
    BOOST_TEST(configuration({"[server]\ninclude =\n" + web, {}}).complaint() ==
               "/etc/c.ini:2: [server] include: expected a pattern of paths, like conf.d/*.ini");
}

BOOST_AUTO_TEST_CASE(names_of_keys_and_their_renewals) {
    const auto read = [](std::string_view name) {
        const auto k = config::key_name::parse(name);
        BOOST_TEST(k.to_string() == name);
        return k.person + " " + std::to_string(k.number);
    };
    BOOST_TEST(read("alice") == "alice 1");
    BOOST_TEST(read("alice.2") == "alice 2");
    BOOST_TEST(read("alice.10") == "alice 10");
    for (const std::string same : {"alice.1", "alice.02", "alice.", ".2", "a.b", "alice.2x", "alice.-2"})
        BOOST_TEST(read(same) == same + " 1");
    BOOST_TEST(config::valid_file_name("a-1@x.y_z"));
    for (const auto* wrong : {"", ".a", "-a", "@a", "a/b", "..", "a b"}) BOOST_TEST(!config::valid_file_name(wrong));
}

BOOST_AUTO_TEST_CASE(a_tilde_is_the_users_folder) {
    const auto key = [](const std::string& text, std::optional<std::string> home) {
        const auto p = config::parse_profiles("[profile.a]\nhost = h\nkey = " + text + "\nnts_ca = ~/ca\n",
                                              "/x/c.ini", home);
        return p ? p->front().key + " " + p->front().nts_ca : p.error().text;
    };
    BOOST_TEST(key("~/k", "/home/u") == "/home/u/k /home/u/ca");
    BOOST_TEST(key("k~", "/home/u") == "/x/k~ /home/u/ca");
    BOOST_TEST(key("~bob/k", "/home/u") ==
               "/x/c.ini:3: [profile.a] key: expected ~/PATH, of one's own folder, or /PATH");
    BOOST_TEST(key("~/k", "") == "/x/c.ini:3: [profile.a] key: expected $HOME to be a folder, for ~");
    BOOST_TEST(key("~/k", {}) == "/x/~/k /x/~/ca");
}
