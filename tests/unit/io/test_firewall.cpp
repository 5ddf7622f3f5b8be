#include "firewall_world.hpp"

#include <sys/wait.h>

using namespace firewall_test;

namespace {

std::string ruleset() { return lab::output_of("nft list ruleset"); }

} // namespace

BOOST_FIXTURE_TEST_SUITE(firewall_shell, world, *boost::unit_test::precondition(lab::is_root))

BOOST_AUTO_TEST_CASE(opens_to_the_one_address_and_the_one_service) {
    BOOST_TEST(try_from(knocker, 22) == "open");
    auto f = guarded();
    for (const auto* who : {knocker, stranger, knocker6, stranger6}) {
        BOOST_TEST(try_from(who, 22) == "silent");
        BOOST_TEST(try_from(who, 80) == "silent");
        BOOST_TEST(try_from(who, 81) == "open");
    }
    add(f, knocker, "ssh");
    BOOST_TEST(try_from(knocker, 22) == "open");
    BOOST_TEST(try_from(knocker, 80) == "silent");
    BOOST_TEST(try_from(stranger, 22) == "silent");
    BOOST_TEST(try_from(knocker6, 22) == "silent");
    add(f, knocker6, "web");
    BOOST_TEST(try_from(knocker6, 80) == "open");
    BOOST_TEST(try_from(knocker6, 22) == "silent");
    BOOST_TEST(try_from(stranger6, 80) == "silent");
}

BOOST_AUTO_TEST_CASE(guards_udp) {
    const auto server = lab::udp_on(22), free = lab::udp_on(81);
    auto f = guarded();
    const auto client = at_client([] {
        lab::descriptor s(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        lab::bind_to(s, {"10.9.0.2", 0});
        return s;
    });
    const auto send = [&](std::uint16_t port, char what) {
        const lab::socket_address to(lab::server4, port);
        BOOST_TEST_REQUIRE(sendto(client.get(), &what, 1, 0, to.get(), to.size) == 1);
    };
    send(22, 'a');
    send(81, 'b'); // comes later, so the first one has had its chance
    BOOST_TEST(lab::readable(free));
    BOOST_TEST(!lab::readable(server, 0));
    add(f, "10.9.0.2", "ssh");
    send(22, 'c');
    BOOST_TEST_REQUIRE(lab::readable(server));
    char got = 0;
    BOOST_TEST(recv(server.get(), &got, 1, 0) == 1);
    BOOST_TEST(got == 'c');
}

BOOST_AUTO_TEST_CASE(loopback_and_networks_always_allowed_pass) {
    asked.always_allow = {*prefix::parse("10.10.7.0/24"), *prefix::parse("10.10.7.128/25"),
                          *prefix::parse("fd10::7/128")};
    auto f = guarded();
    BOOST_TEST(try_from("10.10.7.200", 22) == "open");
    BOOST_TEST(try_from("fd10::7", 22) == "open");
    BOOST_TEST(try_from(stranger, 22) == "silent");
    for (const auto* self : {"127.0.0.1", "::1", lab::server4, lab::server6}) {
        const bool v4 = address::parse(self)->is_v4();
        lab::descriptor s(socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0));
        const lab::socket_address to(self, 22);
        connect(s.get(), to.get(), to.size);
        pollfd p{s.get(), POLLOUT, 0};
        BOOST_TEST(poll(&p, 1, 2000) == 1, self);
    }
    asked.always_allow = {*prefix::parse("0.0.0.0/0")};
    set_up(f);
    BOOST_TEST(try_from(stranger, 22) == "open");
}

BOOST_AUTO_TEST_CASE(a_grant_ends_in_the_kernel_and_live_connections_outlast_it) {
    auto f = guarded();
    add(f, knocker, "ssh", 2s);
    const auto client = dial(knocker, lab::server4, 22);
    BOOST_TEST(fate(client) == "open");
    BOOST_TEST_REQUIRE(lab::readable(ssh));
    const lab::descriptor server(accept(ssh.get(), nullptr, nullptr));
    BOOST_TEST(live(f) == 1u);
    BOOST_TEST(run_until([&] { return live(f) == 0; }));
    BOOST_TEST(try_from(knocker, 22) == "silent");
    BOOST_TEST(send(client.get(), "x", 1, 0) == 1);
    BOOST_TEST(lab::readable(server));
}

BOOST_AUTO_TEST_CASE(a_second_knock_renews) {
    auto f = guarded();
    add(f, knocker, "ssh", 5s);
    BOOST_TEST((listed(f).at(0).left <= 5s));
    add(f, knocker, "ssh", 60s);
    BOOST_TEST_REQUIRE(live(f) == 1u);
    const auto g = listed(f).at(0);
    BOOST_TEST((g.left > 50s && g.left <= 60s));
    BOOST_TEST(g.who.to_string() == knocker);
    BOOST_TEST(g.service == "ssh");
}

BOOST_AUTO_TEST_CASE(a_restart_adopts_live_grants_and_drops_stale_sets) {
    lab::run("nft add table inet mine && nft add chain inet mine input '{ type filter hook input priority 0; "
             "}' && "
             "nft add rule inet mine input tcp dport 9999 drop");
    const auto others = ruleset();
    {
        auto f = guarded();
        add(f, knocker, "ssh", 50s);
        add(f, knocker6, "ssh", 50s);
        add(f, knocker, "web", 50s);
    }
    BOOST_TEST(try_from(knocker, 22) == "open");
    BOOST_TEST(try_from(stranger, 22) == "silent"); // stopping does not open the door

    asked.services = {make_service("more", {"tcp/81"}), asked.services[0]};
    auto f = guarded();
    const auto after = listed(f);
    BOOST_TEST_REQUIRE(after.size() == 2u);
    for (const auto& g : after) BOOST_TEST((g.left > 20s && g.left < 50s));
    BOOST_TEST(try_from(knocker, 22) == "open");
    BOOST_TEST(try_from(knocker6, 22) == "open");
    BOOST_TEST(try_from(knocker6, 81) == "silent");
    BOOST_TEST(try_from(stranger, 80) == "open"); // no longer a service
    BOOST_TEST(ruleset().find("web") == std::string::npos);

    BOOST_TEST(remove(f));
    BOOST_TEST(remove(f));
    BOOST_TEST(ruleset() == others);
    BOOST_TEST(try_from(stranger, 22) == "open");
}

BOOST_AUTO_TEST_CASE(a_service_with_other_ports_begins_without_grants) {
    const auto before = asked.services;
    const auto other_ports = make_service("ssh", {"tcp/81", "udp/22"});
    const auto open_both = [&](guard& f) {
        add(f, knocker, "ssh");
        add(f, knocker, "web");
        BOOST_TEST(try_from(knocker, 22) == "open");
    };
    const auto only_web_is_open = [&](guard& f) {
        BOOST_TEST(try_from(knocker, 81) == "silent");
        BOOST_TEST(try_from(knocker, 80) == "open");
        BOOST_TEST(live(f) == 1u);
        // Nor does it come back with what is known of the open ones.
        run_until([&] { return context.poll() == 0; });
        lab::run("nft flush ruleset");
        BOOST_TEST(run_until([&] { return try_from(stranger, 80) == "silent" && live(f) == 1; }));
        BOOST_TEST(try_from(knocker, 81) == "silent");
        BOOST_TEST(try_from(knocker, 80) == "open");
    };
    auto f = guarded();
    open_both(f);
    asked.services[0] = other_ports;
    set_up(f); // as a reload does
    only_web_is_open(f);

    asked.services = before;
    set_up(f);
    open_both(f);
    f.reset();
    asked.services[0] = other_ports;
    f = guarded(); // as a restart does
    only_web_is_open(f);
}

BOOST_AUTO_TEST_CASE(a_grant_on_its_way_when_the_ports_change_opens_none_of_the_new_ones) {
    auto f = guarded();
    std::optional<result<void>> answer;
    f->apply({make_grant(0xa0001, "ssh")}, [&](const result<void>& r) { answer = r; }); // the knocker
    asked.services[0] = make_service("ssh", {"tcp/81"});
    BOOST_TEST(f->prepare_now(asked).has_value());
    BOOST_TEST(run_until([&] { return answer.has_value(); }));
    BOOST_TEST(live(f) == 0u);
    BOOST_TEST(try_from(knocker, 81) == "silent");
}

BOOST_AUTO_TEST_CASE(a_table_of_a_version_whose_sets_did_not_tell_the_ports_stays_a_guard) {
    const auto script = *chronoknock::firewall::setup_script(asked, {}, {});
    auto old = script;
    for (const auto& s : asked.services)
        for (const auto family : {4, 6}) {
            const auto name = chronoknock::firewall::set_name(s, family);
            for (std::size_t at; (at = old.find(name)) != old.npos;)
                old.replace(at, name.size(), "grant" + std::to_string(family) + "_" + s.name);
        }
    lab::run("nft -f - <<'END'\n" + old + "END");
    lab::run("nft add element inet chronoknock grant4_ssh '{ 10.10.0.1 timeout 1m }'");
    BOOST_TEST(try_from(knocker, 22) == "open");
    const auto session = dial(knocker, lab::server4, 22);
    BOOST_TEST(fate(session) == "open");
    BOOST_TEST_REQUIRE(lab::readable(ssh));
    auto f = guarded();
    BOOST_TEST(try_from(knocker, 22) == "silent");
    BOOST_TEST(try_from(stranger, 22) == "silent");
    BOOST_TEST(ruleset().find("grant4_ssh ") == std::string::npos);
    add(f, knocker, "ssh");
    BOOST_TEST(try_from(knocker, 22) == "open");
    BOOST_TEST(send(session.get(), "x", 1, 0) == 1);
    while (lab::readable(ssh, 0)) { // the session's own end is among them
        const lab::descriptor server(accept(ssh.get(), nullptr, nullptr));
        if (lab::readable(server, 200)) return;
    }
    BOOST_ERROR("the session was cut");
}

BOOST_AUTO_TEST_CASE(the_longest_name_with_the_most_uses_is_none_too_long) {
    const std::string name = "a2345678901234567890123456789012";
    asked.services = {make_service(name, {"tcp/22"}, chronoknock::firewall::most_uses)};
    auto f = guarded();
    add(f, knocker, name);
    BOOST_TEST(try_from(knocker, 22) == "open");
    BOOST_TEST(listed(f).at(0).service == name);
}

BOOST_AUTO_TEST_CASE(a_closed_grant_lets_no_new_connection_in_and_cuts_none) {
    asked.services = {make_service("ssh", {"tcp/22", "udp/22"}), make_service("web", {"tcp/80"}, 3)};
    auto f = guarded();
    for (const auto* who : {knocker, knocker6, stranger})
        for (const auto* what : {"ssh", "web"}) add(f, who, what);
    const auto session = dial(knocker, lab::server4, 22);
    BOOST_TEST(fate(session) == "open");
    BOOST_TEST_REQUIRE(lab::readable(ssh));
    const lab::descriptor server(accept(ssh.get(), nullptr, nullptr));

    close(f, knocker, "ssh");
    close(f, knocker6, "web");
    close(f, "10.10.9.9", "ssh"); // there is none: as asked for
    BOOST_TEST(try_from(knocker, 22) == "silent");
    BOOST_TEST(try_from(knocker, 80) == "open");
    BOOST_TEST(try_from(knocker6, 80) == "silent");
    BOOST_TEST(try_from(knocker6, 22) == "open");
    BOOST_TEST(try_from(stranger, 22) == "open");
    BOOST_TEST(live(f) == 4u);
    BOOST_TEST(send(session.get(), "x", 1, 0) == 1);
    BOOST_TEST(lab::readable(server));

    // In one go, in this order.
    const auto who = *address::parse(knocker);
    BOOST_TEST(
        try_apply(f, {{who, "ssh", 60s}, {who, "ssh", {}}, {who, "web", {}}, {who, "web", 60s}}).has_value());
    BOOST_TEST(try_from(knocker, 22) == "silent");
    BOOST_TEST(try_from(knocker, 80) == "open");
    BOOST_TEST(try_apply(f, {{who, "nothing", {}}}).error().text == "firewall: no service nothing");

    // What was closed does not come back with a table that was lost.
    run_until([&] { return context.poll() == 0; });
    lab::run("nft flush ruleset");
    BOOST_TEST(run_until([&] { return try_from("10.10.9.9", 22) == "silent" && live(f) == 2; }));
    BOOST_TEST(try_from(knocker, 22) == "silent");
    BOOST_TEST(try_from(knocker6, 22) == "open");
}

BOOST_AUTO_TEST_CASE(a_table_that_cannot_be_adopted_is_made_anew_with_its_grants) {
    {
        auto f = guarded();
        add(f, knocker, "ssh");
    }
    lab::run("nft flush chain inet chronoknock input && nft delete chain inet chronoknock input && "
             "nft add chain inet chronoknock input '{ type filter hook output priority 0; }'");
    auto f = guarded();
    BOOST_TEST(run_until([&] { return live(f) == 1; }));
    BOOST_TEST(try_from(knocker, 22) == "open");
    BOOST_TEST(try_from(stranger, 22) == "silent");
}

BOOST_AUTO_TEST_CASE(a_lost_table_is_set_up_again_with_the_open_grants) {
    asked.services.push_back(make_service("once", {"tcp/81"}, 1));
    auto f = guarded();
    for (const auto* attack :
         {"nft flush ruleset", "nft delete table inet chronoknock", "nft flush chain inet chronoknock guard",
          "nft flush table inet chronoknock", "nft add table inet chronoknock '{ flags dormant; }'"}) {
        add(f, knocker, "ssh");
        add(f, knocker, "once");
        run_until([&] { return try_from(stranger, 22) == "silent"; }); // the pause between two repairs
        lab::run(attack);
        BOOST_TEST(run_until([&] { return try_from(stranger, 22) == "silent" && live(f) > 0; }), attack);
        BOOST_TEST(try_from(knocker, 22) == "open", attack);
    }
    // What may have been used up is not given twice, by the next process neither.
    for (int process = 0; process < 2; ++process) {
        add(f, knocker, "once");
        if (process == 1) f = guarded();
        lab::run("nft flush ruleset");
        BOOST_TEST(run_until([&] { return try_from(stranger, 22) == "silent" && live(f) == 1; }));
        BOOST_TEST(try_from(knocker, 81) == "silent");
    }
}

BOOST_AUTO_TEST_CASE(a_grant_that_finds_the_table_gone_brings_it_back) {
    auto f = guarded();
    lab::run("nft flush ruleset");
    // No turn of the loop between: the grant comes before the news.
    add(f, knocker, "ssh");
    BOOST_TEST(try_from(knocker, 22) == "open");
    BOOST_TEST(try_from(stranger, 22) == "silent");
}

BOOST_AUTO_TEST_CASE(one_bad_grant_does_not_take_others_with_it) {
    auto f = guarded();
    std::vector<std::string> answers;
    const auto take = [&](const result<void>& r) { answers.push_back(r ? "done" : r.error().text); };
    f->apply({make_grant(1, "ssh"), make_grant(1, "nothing"), make_grant(2, "ssh")}, take);
    f->apply({make_grant(3, "web")}, take);
    BOOST_TEST(run_until([&] { return answers.size() == 2; }));
    BOOST_TEST(answers.at(0) == "firewall: no service nothing");
    BOOST_TEST(answers.at(1) == "done");
    BOOST_TEST(live(f) == 3u);
}

BOOST_AUTO_TEST_CASE(a_thousand_at_once_and_more) {
    auto f = guarded();
    std::size_t answered = 0;
    for (std::uint32_t i = 0; i < 2500; ++i)
        f->apply({make_grant(i, i % 2 ? "ssh" : "web")},
                 [&](const result<void>& r) { answered += r.has_value(); });
    BOOST_TEST(run_until([&] { return answered == 2500; }));
    BOOST_TEST(live(f) == 2500u);
}

BOOST_AUTO_TEST_CASE(drops_or_resets) {
    asked.unauthorized = chronoknock::firewall::unauthorized::reset;
    auto f = guarded();
    for (int i = 0; i < 3; ++i) { // the same connection: an answer must not make it known
        lab::descriptor s = dial(stranger, lab::server4, 22, 40000);
        BOOST_TEST(fate(s) == "refused");
    }
    BOOST_TEST(try_from(stranger6, 22) == "refused");
    const auto udp = at_client([] {
        lab::descriptor s(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const lab::socket_address to(lab::server4, 22);
        BOOST_TEST_REQUIRE(connect(s.get(), to.get(), to.size) == 0);
        return s;
    });
    BOOST_TEST(send(udp.get(), "x", 1, 0) == 1);
    pollfd p{udp.get(), POLLIN, 0};
    BOOST_TEST(poll(&p, 1, 2000) == 1);
    char c = 0;
    BOOST_TEST(recv(udp.get(), &c, 1, 0) == -1);
    BOOST_TEST(errno == ECONNREFUSED);
    asked.unauthorized = chronoknock::firewall::unauthorized::drop;
    set_up(f);
    BOOST_TEST(try_from(stranger, 22) == "silent");
}

BOOST_AUTO_TEST_CASE(sessions_older_than_the_guard_live_on) {
    const auto client4 = dial(knocker, lab::server4, 22), client6 = dial(knocker6, lab::server6, 22);
    for (const auto* client : {&client4, &client6}) {
        BOOST_TEST(fate(*client) == "open");
        BOOST_TEST_REQUIRE(lab::readable(ssh));
        const lab::descriptor server(accept(ssh.get(), nullptr, nullptr));
        auto f = guarded();
        BOOST_TEST(send(client->get(), "x", 1, 0) == 1); // the client speaks first
        BOOST_TEST(lab::readable(server));
        BOOST_TEST(try_from(knocker, 22) == "silent");
        BOOST_TEST(remove(f));
    }
}

BOOST_AUTO_TEST_CASE(published_and_redirected_ports_are_guarded_and_forwarded_ones_are_not) {
    const auto inner = at_inner([] { return lab::listen_on(22); });
    lab::run(
        "nft add table ip nat && nft add chain ip nat pre '{ type nat hook prerouting priority dstnat; }' && "
        "nft add rule ip nat pre ip daddr 10.9.0.1 tcp dport 80 dnat to 10.12.0.2:22 && "
        "nft add rule ip nat pre ip daddr 10.9.0.1 tcp dport 8022 redirect to :22");
    auto f = guarded();
    BOOST_TEST(try_from(stranger, 80) == "silent");   // as published
    BOOST_TEST(try_from(stranger, 8022) == "silent"); // another way to a guarded port
    const auto through = dial(stranger, lab::inner4, 22);
    pollfd p{through.get(), POLLOUT, 0};
    BOOST_TEST(poll(&p, 1, 2000) == 1); // not ours
    add(f, knocker, "web");
    const auto published = dial(knocker, lab::server4, 80);
    BOOST_TEST(poll(&(p = {published.get(), POLLOUT, 0}), 1, 2000) == 1);
    add(f, knocker, "ssh");
    BOOST_TEST(try_from(knocker, 8022) == "open");
}

BOOST_AUTO_TEST_CASE(without_the_capability_it_says_so) {
    const auto child = fork();
    BOOST_TEST_REQUIRE(child >= 0);
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0) _exit(2);
        const auto f = io::open_nftables(context);
        _exit(!f && f.error().text.find("CAP_NET_ADMIN is needed") != std::string::npos ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    BOOST_TEST(WIFEXITED(status));
    BOOST_TEST(WEXITSTATUS(status) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
