"""The guard in the firewall: what it leaves alone, and what is left of it when the server is gone."""

import socket
import unittest

from case import PORT, LabTest
from lab import start_http

_OURS = "chronoknock"


class Firewall(LabTest):
    def ruleset(self):
        return self.server.run(["nft", "-s", "list", "ruleset"]).stdout

    def tables(self):
        return self.server.run(["nft", "list", "tables"]).stdout

    def test_a_grant_ends_on_time_when_the_server_was_killed(self):
        key = self.key()
        guard = self.guard(key, open_for=4)
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        guard.sigkill()
        self.assert_open(self.client)
        self.client.wait_shut(self.server.ip4, PORT, seconds=6)
        self.assert_shut(self.other)

    def test_a_clean_stop_leaves_the_guard(self):
        guard = self.guard(self.key(), wait=False)
        self.assertEqual(guard.stop(), 0)
        self.assert_shut(self.client)
        self.assertIn(_OURS, self.tables())

    def test_on_stop_remove(self):
        guard = self.guard(self.key(), wait=False, sections={"firewall": "on_stop = remove"})
        self.assert_shut(self.client)
        self.assertEqual(guard.stop(), 0)
        self.assert_opens(self.client)
        self.assertNotIn(_OURS, self.tables())

    def test_a_restart_adopts_live_grants(self):
        key = self.key()
        guard = self.guard(key, open_for=8)
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        guard.stop()
        guard.start()
        self.assert_open(self.client)
        self.assert_shut(self.other)
        self.client.wait_shut(self.server.ip4, PORT, seconds=10)

    def test_always_allow_and_loopback(self):
        self.guard(self.key(), wait=False, sections={
            "firewall": f"always_allow = {self.other.ip4}/32, fd77:{self.other.number}::/64"})
        for version in (4, 6):
            self.assert_shut(self.client, self.server.ip(version))
            self.assert_opens(self.other, self.server.ip(version))
        for own in ("127.0.0.1", "::1", self.server.ip4, self.server.ip6):
            self.assert_opens(self.server, own)

    def test_reset_answers_like_a_closed_port(self):
        key = self.key()
        self.guard(key, sections={"firewall": "unauthorized = reset"})
        for version in (4, 6):
            target = self.server.ip(version)
            self.assert_shut(self.client, target, meets="refused")
            self.client.knock(target, key, "web")
            self.assert_opens(self.client, target)
            self.assert_shut(self.other, target, meets="refused")

    def test_other_tables_are_untouched(self):
        mine = """table inet mine {
\tset friends {
\t\ttype ipv4_addr
\t\telements = { 192.0.2.1 }
\t}

\tchain input {
\t\ttype filter hook input priority filter; policy accept;
\t\ttcp dport 9999 counter drop
\t}
}
"""
        self.server.run(["nft", "-f", "-"], stdin=mine)
        before = self.ruleset()
        key = self.key()
        guard = self.guard(key, sections={"firewall": "on_stop = remove"})
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        self.assertEqual(self.server.run(["nft", "-s", "list", "table", "inet", "mine"]).stdout, before)
        self.assertEqual(self.client.door(self.server.ip4, 9999), "silent")
        guard.stop()
        self.assertEqual(self.ruleset(), before)

    def test_a_table_that_somebody_flushes_is_set_up_again(self):
        key = self.key()
        self.guard(key, open_for=60)
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        self.server.run(["nft", "flush", "ruleset"])
        self.other.wait_shut(self.server.ip4, PORT)
        self.assert_open(self.client)

    def test_what_is_not_protected_stays_reachable(self):
        start_http(self.server, 8090)
        self.guard(self.key(), wait=False)
        self.assert_opens(self.client, port=8090)
        self.assert_shut(self.client, port=8091, meets="refused")

    def test_connections_from_before_the_guard_live_on(self):
        with self.server.inside():
            listener = socket.create_server(("", PORT))
        self.web = None
        with listener:
            live = self.client.connect(self.server.ip4, PORT)
            accepted, _ = listener.accept()
            self.guard(self.key(), wait=False)
            self.assert_shut(self.client)
            with live, accepted:
                live.sendall(b"still here")
                accepted.settimeout(5)
                self.assertEqual(accepted.recv(100), b"still here")


class Configuration(LabTest):
    """A broken configuration changes nothing."""

    def test_at_start(self):
        guard = self.guard(self.key(), wait=False)
        guard.stop()
        before = self.server.run(["nft", "-s", "list", "ruleset"]).stdout
        for broken in ("[firewall]\nunauthorized = maybe\n", "[nonsense]\n", "[service.other]\nports = tcp/0\n"):
            with self.subTest(broken=broken):
                good = guard.config.read_text()
                guard.config.write_text(good + broken)
                done = self.server.run([self.lab.program, "server", "--config", guard.config], check=False)
                guard.config.write_text(good)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
                self.assertEqual(self.server.run(["nft", "-s", "list", "ruleset"]).stdout, before)
        self.assert_shut(self.client)

    def test_reload(self):
        start_http(self.server, 8081)
        key, bobs = self.key(), self.key("bob")
        guard = self.guard(key, open_for=60)
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        self.assert_opens(self.other, port=8081)
        # Two services and one more key, taken up without losing the grant.
        guard.write({"web": f"ports = tcp/{PORT}\nopen_for = 60", "admin": "ports = tcp/8081"},
                    {"alice": (key, "web"), "bob": (bobs, "admin")})
        guard.reload()
        self.other.wait_shut(self.server.ip4, 8081)
        self.assert_open(self.client)

        def admin_opens():
            self.other.knock(self.server, bobs, "admin")
            return self.other.door(self.server.ip4, 8081) == "open"
        self.wait_for(admin_opens, "the new key to open the new service", 10)
        self.assert_shut(self.client, port=8081)
        self.assert_shut(self.other)

    def a_changed_service_begins_without_grants(self, take_up):
        """A grant for `admin` by one port opens no other one; `web`, which is as it was, keeps its grants."""
        for port in (8081, 8082):
            start_http(self.server, port)
        key = self.key()
        services = {"web": f"ports = tcp/{PORT}\nopen_for = 60", "admin": "ports = tcp/8081\nopen_for = 60"}
        guard = self.guard(key, services=services, keys={"alice": (key, "web, admin")})
        self.client.knock(self.server, key)
        self.assert_opens(self.client)
        self.assert_opens(self.client, port=8081)
        guard.write({**services, "admin": "ports = tcp/8082\nopen_for = 60"}, {"alice": (key, "web, admin")})
        take_up(guard)
        self.other.wait_shut(self.server.ip4, 8082)
        self.assert_shut(self.client, port=8082)
        self.assert_open(self.client)
        self.assert_open(self.other, port=8081)

    def test_a_service_with_other_ports_begins_without_grants_after_a_restart(self):
        def restart(guard):
            guard.stop()
            guard.start()
        self.a_changed_service_begins_without_grants(restart)

    def test_a_service_with_other_ports_begins_without_grants_after_a_reload(self):
        self.a_changed_service_begins_without_grants(lambda guard: guard.reload())

    def test_reload_of_a_broken_file_changes_nothing(self):
        key = self.key()
        guard = self.guard(key)
        before = self.server.run(["nft", "-s", "list", "ruleset"]).stdout
        logged = len(guard.log())
        guard.config.write_text(guard.config.read_text() + "[firewall]\nunauthorized = maybe\n")
        guard.reload()
        self.wait_for(lambda: "unauthorized" in guard.log()[logged:], "the log to name the field")
        self.assertTrue(guard.process.alive())
        self.assertEqual(self.server.run(["nft", "-s", "list", "ruleset"]).stdout, before)
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)


if __name__ == "__main__":
    unittest.main()
