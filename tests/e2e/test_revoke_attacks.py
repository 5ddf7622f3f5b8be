"""Whoever is to be put out tries to stay: whose a grant is, and whose connections are to be cut, is known all the same."""

import contextlib
import sqlite3
import time
import unittest

from asking import AskingTest
from case import PORT, WINDOW

UDP = 5000


def alive(line):
    line.settimeout(10)
    try:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while b"behind the door" not in answer:
            got = line.recv(65536)
            if not got:
                return False
            answer += got
        return True
    except OSError:
        return False


class RevokeTest(AskingTest):
    def two(self, **options):
        self.alice, self.bob = self.key(), self.key("bob")
        return self.small_guard(self.alice, keys={"alice": (self.alice, "web"), "bob": (self.bob, "web")}, open_for=60,
                                **options)

    def change_record(self, guard, sql, rows=((),)):
        with contextlib.closing(sqlite3.connect(guard.state, timeout=10)) as db, db:
            db.executemany(sql, rows)

    def lines(self):
        """A connection of each, by their own knocks."""
        found = []
        for host, key in ((self.client, self.alice), (self.other, self.bob)):
            self.knocks(key, host)
            found.append(host.connect(self.server.ip4, PORT))
            self.assertTrue(alive(found[-1]))
        return found


class Cut(RevokeTest):
    def test_whose_entries_other_keys_pushed_out_of_the_history(self):
        guard = self.two()
        insiders, others = self.lines()
        self.assertEqual(len(self.ask_json(guard, "history", "--key", "alice")["entries"]), 1)  # written
        self.change_record(guard, "delete from history where key = 'alice'")
        self.change_record(guard, "insert into history (at, kind, key, who, services, why) values (?, 0, 'bob', ?, 'web', '60s')",
                           ((time.time_ns(), f"10.200.{n >> 8}.{n & 255}") for n in range(10_000)))
        self.assertRegex(self.ask(guard, "revoke", "alice", "--cut"), r"\A1 grant ended, 1 connection cut\n")
        self.assertFalse(alive(insiders))
        self.assertTrue(alive(others))

    def test_who_made_up_addresses_until_his_own_was_forgotten(self):
        guard = self.two()
        insiders, others = self.lines()
        self.wait_for(lambda: self.ask_json(guard, "history")["entries"], "the record to be written")
        self.change_record(guard, "delete from opened where key = 'alice'")
        self.change_record(guard, "insert into opened values ('alice', '', 'web', '', 0, null)")
        # An accomplice who was put out before explains nothing.
        self.change_record(guard, "insert into opened values ('carol', ?, 'web', '', 0, null)", [(self.client.ip4,)])
        said = self.ask_json(guard, "revoke", "alice", "--cut")
        self.assertEqual((said["connections"], said["addresses_forgotten"]), (1, True))
        self.assertFalse(alive(insiders))
        self.assertTrue(alive(others))

    def test_a_key_that_is_over_explains_no_connection(self):
        self.alice, self.bob = self.key(), self.key("bob")
        guard = self.small_guard(self.alice, open_for=60, keys={
            "alice": (self.alice, "web"), "bob": (self.bob, "web"), "carol": (self.key("carol"), "web", "until = 2020-01-01")})
        insiders, others = self.lines()
        self.wait_for(lambda: self.ask_json(guard, "history")["entries"], "the record to be written")
        self.change_record(guard, "delete from opened where key = 'alice'")
        self.change_record(guard, "insert into opened values ('alice', '', 'web', '', 0, null)")
        self.change_record(guard, "insert into opened values ('carol', ?, 'web', '', 0, null)", [(self.client.ip4,)])
        self.assertEqual(self.ask_json(guard, "revoke", "alice", "--cut")["connections"], 1)
        self.assertFalse(alive(insiders))
        self.assertTrue(alive(others))

    def test_udp_peers_stay_cut_when_somebody_removes_the_table(self):
        key = self.key()
        guard = self.small_guard(key, services={"web": f"ports = tcp/{PORT}, udp/{UDP}\nopen_for = 60"})
        with self.udp_peer(UDP) as peer:
            self.knocks(key)
            self.assertTrue(peer.arrives())
            self.ask(guard, "revoke", "alice", "--cut")
            self.assertFalse(peer.arrives())
            restored = guard.log().count("setting it up again")
            self.server.run(["nft", "delete", "table", "inet", "chronoknock"])
            self.wait_for(lambda: self.server.run(["nft", "list", "chain", "inet", "chronoknock", "input"],
                                                  check=False).returncode == 0, "the guard to be back")
            self.wait_for(lambda: guard.log().count("setting it up again") > restored, "the log to say so")
            peer.own.sendto(b"are you there?", (self.client.ip4, 7777))
            self.assertFalse(peer.arrives())
            # And a grant admits him again.
            self.first_window(WINDOW)
            self.knocks(key)
            self.assertTrue(peer.arrives())

    def cut_beside(self, full, other, status):
        """What `revoke --cut` says of a TCP connection and a UDP peer, when a set is filled with others."""
        key = self.key()
        guard = self.small_guard(key, services={"web": f"ports = tcp/{PORT}, udp/{UDP}\nopen_for = 60"})
        with self.udp_peer(UDP) as peer:
            self.knocks(key)
            line = self.client.connect(self.server.ip4, PORT)
            self.assertTrue(alive(line))
            self.assertTrue(peer.arrives())
            elements = ", ".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255} . 1 . {UDP}" for n in range(other))
            self.server.run(["nft", "-f", "-"], stdin=f"add element inet chronoknock {full} {{ {elements} }}\n")
            said = self.ask(guard, "revoke", "alice", "--cut", status=status)
            self.assertFalse(alive(line))
            listed = self.server.run(["nft", "list", "set", "inet", "chronoknock", "udp4"]).stdout
            self.assertNotIn(self.client.ip4, listed)
            return said

    def test_a_full_set_of_cut_peers_is_no_success(self):
        said = self.cut_beside("cut4", 65536, status=1)
        self.assertRegex(said, r"2 connections cut, but 1 UDP peers of them .* is full")

    def test_peers_are_cut_out_of_a_full_set(self):
        said = self.cut_beside("udp4", 262144 - 1, status=0)
        self.assertIn("2 connections cut", said)


class WhoseGrant(RevokeTest):
    def test_a_kill_right_after_the_grant_leaves_it_its_keys(self):
        guard = self.two()
        self.knocks(self.alice)
        guard.sigkill()
        guard.start()
        self.assertEqual([g["keys"] for g in self.ask_json(guard, "grants")["list"]], [["alice"]])
        self.assertEqual(self.ask(guard, "revoke", "alice"), "1 grant ended\n")
        self.assert_shut(self.client)

    def test_a_secret_that_was_replaced_while_the_server_was_away(self):
        guard = self.two()
        self.knocks(self.alice)
        self.knocks(self.bob, self.other)
        guard.stop()
        self.assert_open(self.client)
        again = self.key("alice2")
        guard.write({"web": f"ports = tcp/{PORT}\nopen_for = 60"}, {"alice": (again, "web"), "bob": (self.bob, "web")},
                    {"knock": "tracked = 1024"})
        guard.start()
        self.client.wait_shut(self.server.ip4, PORT, seconds=5)
        self.assert_open(self.other)
        # What the new one opens stays.
        self.first_window(WINDOW)
        self.knocks(again)
        guard.stop()
        guard.start()
        self.assertEqual(guard.status()["grants"]["live"], 2)
        self.assert_open(self.client)

    def test_what_no_record_explains_is_told_shown_and_ended(self):
        guard = self.two()
        self.knocks(self.bob)
        guard.stop()
        self.server.run(["nft", "add", "element", "inet", "chronoknock", guard.grant_set("web", 4),
                         f"{{ {self.other.ip4} timeout 60s }}"])
        guard.start()
        guard.wait_log("1 open grant of unknown keys")
        keys = {g["address"]: g["keys"] for g in self.ask_json(guard, "grants")["list"]}
        self.assertEqual(keys, {self.client.ip4: ["bob"], self.other.ip4: []})
        self.assertEqual(self.ask(guard, "revoke", self.other.ip4), "1 grant ended\n")
        self.assert_shut(self.other)
        self.assert_open(self.client)


class Names(RevokeTest):
    def test_a_key_named_like_an_address(self):
        key, bob = self.key(), self.key("bob")
        name = self.other.ip4
        guard = self.small_guard(key, keys={name: (key, "web"), "bob": (bob, "web")}, open_for=60)
        self.knocks(key)
        self.assertEqual(self.ask(guard, "revoke", name), "1 grant ended\n")
        self.assert_shut(self.client)
        self.knocks(bob)
        self.assertEqual(self.ask(guard, "revoke", self.client.ip4), "1 grant ended\n")  # of no key's name
        self.assert_shut(self.client)


class LastKey(RevokeTest):
    def test_a_server_without_a_key_stays_shut_and_takes_one_in_again(self):
        key = self.key()
        guard = self.small_guard(key, open_for=60)
        self.knocks(key)
        services, small = {"web": f"ports = tcp/{PORT}\nopen_for = 60"}, {"knock": "tracked = 1024"}
        guard.write(services, {}, small)
        # As a folder of keys that is not mounted would have it.
        said = self.ask(guard, "reload", status=1)
        self.assertIn("nobody would get in any more", said)
        self.assert_open(self.client)
        guard.stop()
        guard.start()
        guard.wait_log("there is no key: all stays shut")
        self.assert_shut(self.client)
        self.assertEqual(guard.status()["keys"], [])
        checked = self.server.run([self.lab.program, "check", "--config", guard.config], check=False)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn("nobody gets in", checked.stderr)
        guard.write(services, {"alice": (key, "web")}, small)
        self.ask(guard, "reload")
        self.first_window(WINDOW)
        self.knocks(key)

    def test_one_that_has_never_served_does_not_lock_its_owner_out(self):
        guard = self.small_guard(self.key(), start=False, wait=False)
        guard.write({"web": f"ports = tcp/{PORT}"}, {}, {"knock": "tracked = 1024"})
        done = self.server.run([self.lab.program, "server", "--config", guard.config], check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("expected at least one section [key.NAME]", done.stderr)


if __name__ == "__main__":
    unittest.main()
