"""Who runs a server ends what was granted, reads what happened, and has the configuration read again."""

import time
import unittest

from asking import AskingTest
from case import PORT, WINDOW
from lab import start_http, start_sshd, syn
from services import Session

UDP = 5000


class Grants(AskingTest):
    def test_whose_to_what_and_for_how_long(self):
        alice, bob = self.key(), self.key("bob")
        guard = self.small_guard(alice, keys={"alice": (alice, "web"), "bob": (bob, "web")}, open_for=60)
        self.assertEqual(self.ask(guard, "grants"), "no grant is live\n")
        self.knocks(alice)
        self.knocks(bob, self.other)
        said = self.ask_json(guard, "grants")
        self.assertEqual(said["live"], 2)
        found = {g["address"]: g for g in said["list"]}
        self.assertEqual(found[self.client.ip4]["keys"], ["alice"])
        self.assertEqual(found[self.other.ip4]["keys"], ["bob"])
        self.assertTrue(50 < found[self.client.ip4]["left"] <= 60)
        self.assertRegex(self.ask(guard, "grants"), rf"{self.client.ip4} +web +alice +5\d\.\d s more")
        self.first_window(WINDOW)  # for the second key to the same address
        self.client.knock(self.server, bob, "web")
        self.wait_for(lambda: sorted(next(g for g in self.ask_json(guard, "grants")["list"]
                                          if g["address"] == self.client.ip4)["keys"]) == ["alice", "bob"],
                      "both keys to hold the grant")
        # And after a restart that nobody planned.
        guard.sigkill()
        guard.start()
        self.assertIn("bob", next(g for g in self.ask_json(guard, "grants")["list"]
                                  if g["address"] == self.other.ip4)["keys"])


class Revoke(AskingTest):
    def test_a_key_and_nobody_else(self):
        alice, bob = self.key(), self.key("bob")
        guard = self.small_guard(alice, keys={"alice": (alice, "web"), "bob": (bob, "web")}, open_for=60)
        self.knocks(alice)
        self.knocks(alice, target=self.server.ip6)
        self.knocks(bob, self.other)
        self.assertEqual(self.ask(guard, "revoke", "alice"), "2 grants ended\n")
        self.assert_shut(self.client)
        self.assert_shut(self.client, self.server.ip6)
        self.assert_open(self.other)
        self.assertEqual(self.ask(guard, "revoke", "alice"), "0 grants ended\n")
        for whose in ("carol", "10.9.9.9"):
            self.assertIn(whose, self.ask(guard, "revoke", whose, status=1))
        self.assertIn("expected", self.ask(guard, "revoke", status=2))
        entries = self.ask_json(guard, "history", "--key", "alice")["entries"]
        self.assertEqual([e["what"] for e in entries].count("revoked"), 2)
        self.assertEqual({e["why"] for e in entries if e["what"] == "revoked"}, {"by the operator"})

    def test_what_two_keys_hold_stays_for_the_other(self):
        alice, bob = self.key(), self.key("bob")
        guard = self.small_guard(alice, keys={"alice": (alice, "web"), "bob": (bob, "web")}, open_for=60)
        self.knocks(alice)
        self.client.knock(self.server, bob, "web")
        self.wait_for(lambda: len(self.ask_json(guard, "grants")["list"][0]["keys"]) == 2, "both to hold it")
        self.ask(guard, "revoke", "alice")
        self.assert_open(self.client)
        self.assertEqual(self.ask_json(guard, "grants")["list"][0]["keys"], ["bob"])
        self.ask(guard, "revoke", "bob")
        self.assert_shut(self.client)

    def test_a_knock_sent_again_opens_nothing(self):
        key = self.key(granularity=10)
        guard = self.small_guard(key, open_for=60, wait=False)
        at = self.first_window(10)
        self.client.knock(self.server, key, "web", "--at", at)
        self.assert_opens(self.client)
        self.ask(guard, "revoke", "alice")
        for _ in range(3):
            self.client.knock(self.server, key, "web", "--at", at)
        self.all_seen_by(guard, at, key)
        self.assert_shut(self.client)

    def all_seen_by(self, guard, at, key):
        before = guard.status()["knocks"]
        self.assertEqual(before["granted"], 1)
        self.wait_for(lambda: guard.status()["knocks"]["repeated"] >= 1, "the knock to be seen again")

    def test_an_address_with_a_grant_of_an_unknown_key(self):
        key = self.key()
        guard = self.small_guard(key, open_for=60)
        self.server.run(["nft", "add", "element", "inet", "chronoknock", guard.grant_set("web", 4),
                         f"{{ {self.other.ip4} timeout 60s }}"])
        self.assert_open(self.other)
        self.assertEqual(self.ask_json(guard, "grants")["list"][0]["keys"], [])
        self.assertEqual(self.ask(guard, "revoke", self.other.ip4), "1 grant ended\n")
        self.assert_shut(self.other)

    def test_cut_ends_an_ssh_session_whose_grant_is_over(self):
        key = self.key()
        sshd = start_sshd(self.server)
        guard = self.small_guard(key, services={"ssh": "ports = tcp/22\nopen_for = 6"}, keys={"alice": (key, "ssh")})
        self.client.knock(self.server, key, "ssh")
        self.client.wait_open(self.server.ip4, 22)
        session = Session(self.client, sshd, self.server.ip4)
        session.echoes()
        self.client.wait_shut(self.server.ip4, 22)
        session.echoes()
        self.assertEqual(self.ask(guard, "revoke", "alice"), "0 grants ended\n")
        session.echoes()
        said = self.ask(guard, "revoke", "alice", "--cut")
        self.assertRegex(said, r"^0 grants ended, [1-9]\d* connections? cut\n")
        self.wait_for(lambda: not session._process.alive(), "ssh to notice")
        self.assertEqual(self.server.run(["ss", "-Htn", "state", "established", "sport", "=", ":22"]).stdout, "")

    def test_cut_leaves_others_alone(self):
        alice, bob = self.key(), self.key("bob")
        guard = self.small_guard(alice, keys={"alice": (alice, "web"), "bob": (bob, "web")}, open_for=60)
        lines = {}
        for host, key in ((self.client, alice), (self.other, bob)):
            self.knocks(key, host)
            lines[host.name] = host.connect(self.server.ip4, PORT)
        self.ask(guard, "revoke", self.client.ip4, "--cut")
        with self.assertRaises((ConnectionError, TimeoutError, BrokenPipeError)):
            self.page(lines["client"])
            self.page(lines["client"])
        self.assertIn(b"behind the door", self.page(lines["other"]))

    def page(self, line):
        line.settimeout(3)
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while b"behind the door" not in answer:
            got = line.recv(65536)
            if not got:
                raise ConnectionResetError
            answer += got
        return answer

    def test_a_udp_peer_that_was_cut_stays_so_though_the_host_talks_to_it(self):
        key = self.key()
        guard = self.small_guard(key, services={"web": f"ports = tcp/{PORT}, udp/{UDP}\nopen_for = 60"})
        with self.udp_peer(UDP) as peer:
            self.assertFalse(peer.arrives())
            self.knocks(key)
            self.assertTrue(peer.arrives())
            self.assertRegex(self.ask(guard, "revoke", "alice", "--cut"), "1 grant ended, [1-9]")
            for _ in range(2):
                self.assertFalse(peer.arrives())
                peer.own.sendto(b"are you there?", (self.client.ip4, 7777))
            self.first_window(WINDOW)
            self.knocks(key)
            self.assertTrue(peer.arrives())
            self.assertEqual(self.server.run(["nft", "list", "set", "inet", "chronoknock", "cut4"]).stdout.count("7777"), 0)


class History(AskingTest):
    def test_who_when_for_what_until_when_and_what_was_refused(self):
        key = self.key(granularity=10)
        guard = self.small_guard(key, open_for=4, wait=False)
        at = self.first_window(10)
        began = time.time()
        heard = self.capture_knock(key, None, None, "--at", at)
        self.client.wait_shut(self.server.ip4, PORT)
        self.wait_for(lambda: [e for e in self.ask_json(guard, "history")["entries"] if e["what"] == "expired"],
                      "the end to be noted")
        # Somebody else repeats it.
        sender = self.lab.sender(self.other)
        sender.send([syn(self.other.ip4, self.server.ip4, p.port) for p in heard])
        granted = self.ask_json(guard, "history")["entries"][0]
        self.assertEqual((granted["what"], granted["key"], granted["address"], granted["services"]),
                         ("granted", "alice", self.client.ip4, ["web"]))
        self.assertAlmostEqual(granted["when"], began, delta=10)
        self.assertAlmostEqual(granted["until"][0] - granted["when"], 4, delta=0.01)
        text = self.ask(guard, "history")
        self.assertRegex(text, rf"\d\d-\d\d \d\d:\d\d:\d\d  granted   alice  {self.client.ip4}  web until ")
        self.assertEqual(self.ask(guard, "history", "--key", "bob"), "")
        self.assertEqual(len(self.ask(guard, "history", "--limit", 1).splitlines()), 1)
        self.assertEqual(self.ask(guard, "history", "--since", f"@{int(time.time()) + 100}"), "")
        self.assertEqual(self.ask(guard, "history", "--since", "1h"), self.ask(guard, "history"))
        self.assertIn("--since", self.ask(guard, "history", "--since", "soon", status=2))

    def test_what_was_refused_is_there_with_the_reason(self):
        key = self.key()
        guard = self.small_guard(key, open_for=60, keys={"alice": (key, "web", "knock_delay = 1h")})
        self.knocks(key)
        self.first_window(WINDOW)
        self.client.knock(self.server, key, "web")
        refused = self.wait_for(lambda: [e for e in self.ask_json(guard, "history")["entries"]
                                         if e["what"] == "refused"], "the second knock to be refused")
        self.assertEqual([(e["key"], e["address"]) for e in refused], [("alice", self.client.ip4)])
        self.assertTrue(refused[0]["why"])
        self.assertIn(f"refused   alice  {self.client.ip4}  web: ", self.ask(guard, "history"))
        said = guard.status()["keys"][0]
        self.assertEqual(said["granted"], 1)
        self.assertGreaterEqual(said["refused"], 1)  # each round of it


class Reload(AskingTest):
    def test_it_says_what_has_changed(self):
        alice, bob = self.key(), self.key("bob")
        guard = self.small_guard(alice, wait=False)
        self.assertEqual(self.ask(guard, "reload"), "read again: nothing has changed\n")
        start_http(self.server, 8081)
        guard.write({"web": f"ports = tcp/{PORT}\nopen_for = 5", "two": "ports = tcp/8081"},
                    {"bob": (bob, "web, two"), "alice": (alice, "two")},
                    {"knock": "tracked = 1024\ntimeout = 5", "firewall": "always_allow = 10.0.0.1"})
        said = self.ask(guard, "reload", config=True).splitlines()
        self.assertEqual(sorted(said), ["[firewall]: changed", "[knock]: changed", "key alice: opens two, not web",
                                        "key bob: added", "service two: added",
                                        "service web: open_for 5s, not 30s, max_open_for 5s, not 30s"])
        guard.write({"web": f"ports = tcp/{PORT}"}, {"bob": (bob, "web")}, {"knock": "tracked = 1024"})
        said = self.ask_json(guard, "reload")
        self.assertIn("key alice: removed", said["changes"])
        self.assertEqual((said["keys"], said["services"]), (1, 1))

    def test_why_nothing_has_changed(self):
        alice = self.key()
        guard = self.small_guard(alice)
        good = guard.config.read_text()
        guard.config.write_text(good.replace("open_for", "opn_for"))
        line = self.ask(guard, "reload", status=2)
        self.assertIn("opn_for", line)
        self.assertIn(str(guard.config), line)
        guard.config.write_text(good.replace(str(guard.state), str(guard.state) + "2"))
        self.assertIn("a restart changes", self.ask(guard, "reload", status=1))
        guard.config.write_text(good)
        self.ask(guard, "reload")
        self.knocks(alice)
        guard.stop()
        self.assertIn("no server answers", self.ask(guard, "reload", status=1))

    def test_a_removed_keys_grants_end_and_its_connections_do_not(self):
        alice, bob = self.key(), self.key("bob")
        keys = {"alice": (alice, "web"), "bob": (bob, "web")}
        guard = self.small_guard(alice, keys=keys, open_for=60)
        self.knocks(alice)
        self.knocks(bob, self.other)
        line = self.client.connect(self.server.ip4, PORT)
        del keys["alice"]
        guard.write({"web": f"ports = tcp/{PORT}\nopen_for = 60"}, keys, {"knock": "tracked = 1024"})
        self.assertEqual(self.ask(guard, "reload"), "key alice: removed\n")
        self.assert_shut(self.client)
        self.assert_open(self.other)
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"200 OK", line.recv(65536))
        # Gone from the configuration, it can be cut all the same.
        self.assertRegex(self.ask(guard, "revoke", "alice", "--cut"), r"^0 grants ended, 1 connection cut\n")

    def test_a_key_with_another_secret_is_another_key(self):
        key = self.key()
        guard = self.small_guard(key, open_for=60)
        self.knocks(key)
        again = self.key("alice2")
        guard.write({"web": f"ports = tcp/{PORT}\nopen_for = 60"}, {"alice": (again, "web")}, {"knock": "tracked = 1024"})
        self.assertEqual(self.ask(guard, "reload"), "key alice: another secret\n")
        self.assert_shut(self.client)

    def test_a_key_that_was_removed_while_the_server_was_away(self):
        alice, bob = self.key(), self.key("bob")
        guard = self.small_guard(alice, keys={"alice": (alice, "web"), "bob": (bob, "web")}, open_for=60)
        self.knocks(alice)
        guard.stop()
        self.assert_open(self.client)
        guard.write({"web": f"ports = tcp/{PORT}\nopen_for = 60"}, {"bob": (bob, "web")}, {"knock": "tracked = 1024"})
        guard.start()
        self.client.wait_shut(self.server.ip4, PORT)


if __name__ == "__main__":
    unittest.main()
