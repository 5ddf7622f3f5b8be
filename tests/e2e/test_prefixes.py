"""Grants to the network around an address."""

import time
import unittest

from case import POOL, PORT, WINDOW
from lab import CLOCK_ERROR, start_http, syn
from test_grants import GrantsTest


class Prefix(GrantsTest):
    def start(self, method=None, open_for=60, **options):
        self.alice = self.lab.key("alice", **method) if method else self.key()
        guard = self.small_guard(self.alice, keys={"alice": (self.alice, "web", "prefix4 = 24", "prefix6 = 64")},
                                 open_for=open_for, **options)
        n = self.client.number
        self.nets = {4: f"10.77.{n}.0/24", 6: f"fd77:{n}::/64"}
        self.near = {4: f"10.77.{n}.9", 6: f"fd77:{n}::9"}  # of the client as well
        self.client.run(["ip", "addr", "add", f"{self.near[4]}/24", "dev", "eth0"])
        self.client.run(["ip", "addr", "add", f"{self.near[6]}/64", "dev", "eth0", "nodad"])
        return guard

    def test_the_network_comes_in_and_nobody_else(self):
        guard = self.start()
        for version in (4, 6):
            target = self.server.ip(version)
            self.assert_shut(self.client, target)
            self.knocks(self.alice, target=target)
            self.assert_open(self.client, target, source=self.near[version])
            self.assert_shut(self.other, target)
        self.assertEqual({g["address"]: g["keys"] for g in self.ask_json(guard, "grants")["list"]},
                         {net: ["alice"] for net in self.nets.values()})
        self.assertIn(f"key alice opens web for 60s to {self.nets[4]}, window ", guard.log())
        self.assertEqual([e["address"] for e in self.ask_json(guard, "history")["entries"] if e["what"] == "granted"],
                         [self.nets[4], self.nets[6]])
        self.assertIn("/24 of IPv4, /64 of IPv6", self.checked(guard))
        self.assertIn(self.nets[6], self.ask(guard, "status"))
        # After a restart that nobody planned it is alice's, and still open.
        guard.sigkill()
        guard.start()
        self.assert_open(self.client, source=self.near[4])
        self.assertEqual(self.ask(guard, "revoke", "alice"), "2 grants ended\n")
        for version in (4, 6):
            self.assert_shut(self.client, self.server.ip(version))
            self.assert_shut(self.client, self.server.ip(version), source=self.near[version])

    def test_a_replay_from_the_network_earns_nothing(self):
        guard = self.start(method={"granularity": 6, "ports": POOL}, open_for=4, wait=False)
        self.first_window(6)
        taken = self.capture_knock(self.alice)
        self.client.wait_shut(self.server.ip4, PORT)
        moved = [syn(self.near[4], self.server.ip4, p.port) for p in taken]
        self.lab.sender(self.client).send(moved)
        self.all_seen(self.alice)
        self.assert_shut(self.client, source=self.near[4])
        self.assertEqual(guard.status()["knocks"]["granted"], 2)

    def test_revoking_an_address_of_it_ends_it_and_cuts_who_came_in(self):
        guard = self.start()
        self.knocks(self.alice)
        near = self.client.connect(self.server.ip4, PORT, self.near[4])
        self.wait_for(lambda: self.server.run(["ss", "-Htn", "state", "established", "sport", "=", f":{PORT}"]).stdout,
                      "the connection")
        self.assertEqual(self.ask(guard, "revoke", self.client.ip4), "1 grant ended\n")
        self.assert_shut(self.client)
        self.assert_shut(self.client, source=self.near[4])
        near.send(b"x")  # it goes on
        self.first_window(WINDOW)
        self.knocks(self.alice)
        said = self.ask(guard, "revoke", self.client.ip4, "--cut")
        self.assertRegex(said, r"^1 grant ended, [1-9]\d* connections? cut\n")
        near.settimeout(5)
        with self.assertRaises(ConnectionResetError):
            while near.recv(100):
                pass
        # A network can be named as well; nobody else is.
        self.first_window(WINDOW)
        self.knocks(self.alice)
        self.assertIn("10.9.0.0/16", self.ask(guard, "revoke", "10.9.0.0/16", status=1))
        self.assertEqual(self.ask(guard, "revoke", "10.77.0.0/16"), "1 grant ended\n")
        self.assertIn("expected zeros", self.ask(guard, "revoke", "10.77.0.1/16", status=2))

    def test_a_key_cuts_what_came_in_by_its_networks(self):
        guard = self.start(open_for=4)
        self.knocks(self.alice)
        near = self.client.connect(self.server.ip4, PORT, self.near[4])
        self.client.wait_shut(self.server.ip4, PORT)
        self.assertRegex(self.ask(guard, "revoke", "alice", "--cut"), r"^0 grants ended, [1-9]\d* connections? cut\n")
        near.settimeout(5)
        with self.assertRaises(ConnectionResetError):
            near.recv(1)

    def test_who_needs_no_grant_is_not_cut_with_it(self):
        guard = self.start(sections={"firewall": f"always_allow = 10.77.{self.client.number}.9/32"})
        for whose in ("alice", self.client.ip4, self.nets[4]):
            self.knocks(self.alice)
            near = self.client.connect(self.server.ip4, PORT, self.near[4])
            own = self.client.connect(self.server.ip4, PORT)
            self.assertRegex(self.ask(guard, "revoke", whose, "--cut"), r"^1 grant ended, [1-9]\d* connections? cut\n")
            own.settimeout(5)
            with self.assertRaises(ConnectionResetError):
                own.recv(1)
            near.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b"200", near.recv(100))
            self.assert_open(self.client, source=self.near[4])
            self.first_window(WINDOW)

    def test_any_of_its_addresses_closes_it(self):
        guard = self.start(method={"method": "sealed", "granularity": 30, "carrier": "udp", "ports": "20000-20009"},
                           wait=False)
        self.lab.until(time.time() + 2 * CLOCK_ERROR + 1.1)
        self.knocks(self.alice)
        self.client.knock(self.server, self.alice, "web", "--close", "--source", self.near[4])
        self.client.wait_shut(self.server.ip4, PORT)
        self.assertIn(f"key alice closes web to {self.near[4]}", guard.log())
        self.assertEqual(self.ask_json(guard, "history")["entries"][-1]["address"], self.nets[4])

    def test_a_reload_that_narrows_it_ends_what_is_wider(self):
        guard = self.start()
        self.knocks(self.alice)
        self.knocks(self.alice, target=self.server.ip6)
        guard.write({"web": f"ports = tcp/{PORT}\nopen_for = 60"}, {"alice": (self.alice, "web", "prefix6 = 64")},
                    {"knock": "tracked = 1024"})
        self.assertIn("prefix4 32", self.ask(guard, "reload"))
        self.assert_shut(self.client)
        self.assert_open(self.client, self.server.ip6, source=self.near[6])
        self.assertIn("1 grant ended: its key is gone, or may not open it any more", guard.log())
        self.first_window(WINDOW)
        self.knocks(self.alice)
        self.assert_shut(self.client, source=self.near[4])

    def test_it_lives_while_any_of_it_is_connected(self):
        guard = self.start(open_for=4, services={"web": f"ports = tcp/{PORT}\nopen_for = 4\nuntil = idle"})
        self.knocks(self.alice)
        near = self.client.connect(self.server.ip4, PORT, self.near[4])
        self.wait_prolonged(guard)
        near.close()
        self.client.wait_shut(self.server.ip4, PORT, seconds=10)

    def test_uses_are_of_all_of_it(self):
        self.start(services={"web": f"ports = tcp/{PORT}\nopen_for = 60\nuses = 1"})
        self.client.knock(self.server, self.alice, "web")
        self.client.wait_open(self.server.ip4, PORT, self.near[4])
        self.assert_shut(self.client)
        self.assert_shut(self.client, source=self.near[4])


class Tables(GrantsTest):
    def test_another_s_flush_loses_nothing(self):
        alice, bob = self.key(), self.key("bob")
        self.web = start_http(self.server, PORT)
        start_http(self.server, PORT + 1)
        guard = self.small_guard(None, keys={"alice": (alice, "web", "prefix4 = 24"), "bob": (bob, "other")},
                                 services={"web": f"ports = tcp/{PORT}\nopen_for = 60",
                                           "other": f"ports = tcp/{PORT + 1}\nopen_for = 4\nuntil = idle"})
        near = f"10.77.{self.client.number}.9"
        self.client.run(["ip", "addr", "add", f"{near}/24", "dev", "eth0"])
        self.client.knock(self.server, alice, "web")
        self.client.knock(self.server, bob, "other")
        self.assert_opens(self.client, source=near)
        with self.client.connect(self.server.ip4, PORT + 1) as connection:
            self.wait_prolonged(guard)
            self.server.run(["nft", "flush", "ruleset"])
            guard.wait_log("putting back 2 open grants")
            self.assert_open(self.client, source=near)
            self.lab.until(time.time() + 5)
            self.assert_open(self.client, port=PORT + 1)
            self.assert_shut(self.other)
            self.assert_shut(self.other, port=PORT + 1)
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b"200", connection.recv(100))
        self.client.wait_shut(self.server.ip4, PORT + 1, seconds=10)
        self.assert_open(self.client, source=near)


if __name__ == "__main__":
    unittest.main()
