"""What keys and services say of grants: how many a key may have, for whom, until when."""

import json
import re
import shutil
import socket
import struct
import time
import unittest

from asking import AskingTest
from case import PORT, WINDOW
from lab import CLOCK_ERROR
from machine import Machine


class GrantsTest(AskingTest):
    def checked(self, guard):
        """What `check` says of its configuration."""
        return self.server.run([self.lab.program, "check", "--config", guard.config]).stdout

    def wait_prolonged(self, guard):
        """Until a grant has longer than it was opened for."""
        self.wait_for(lambda: any(g["left"] > 60 for g in self.ask_json(guard, "grants")["list"]), "it to be prolonged")


class MaxGrants(GrantsTest):
    def test_one_more_than_a_key_may_have_is_refused(self):
        alice, bob = self.key(), self.key("bob")
        keys = {"alice": (alice, "web", "max_grants = 1"), "bob": (bob, "web")}
        guard = self.small_guard(alice, keys=keys, open_for=60)
        self.knocks(alice)
        refused = self.other.knock(self.server, alice, "web")
        self.assertEqual(refused.returncode, 0)  # the client learns nothing
        why = "its key has 1 grant, and max_grants is 1"
        guard.wait_log(f"refused a knock from {self.other.ip4}, key alice")
        self.assertIn(why, guard.log())
        self.assert_shut(self.other)
        self.wait_for(lambda: [e for e in self.ask_json(guard, "history", "--key", "alice")["entries"]
                               if e["what"] == "refused" and e["why"] == why and e["address"] == self.other.ip4],
                      "the history to have it")
        self.assertEqual({k["name"]: k.get("max_grants") for k in guard.status()["keys"]}, {"alice": 1, "bob": None})
        self.assertIn("1 grant at a time", self.checked(guard))
        # Who has one may renew it, and another key has its own.
        self.first_window(WINDOW)
        granted = guard.status()["knocks"]["granted"]
        self.client.knock(self.server, alice, "web")
        self.wait_for(lambda: guard.status()["knocks"]["granted"] == granted + 1, "a grant to be renewed")
        self.knocks(bob, self.other)

        # It counts after a restart that nobody planned, too, and no more once it has ended.
        self.ask(guard, "revoke", self.other.ip4)
        guard.sigkill()
        guard.start()
        self.first_window(WINDOW)
        before = guard.status()["knocks"]["refused"]
        self.other.knock(self.server, alice, "web")
        self.wait_for(lambda: guard.status()["knocks"]["refused"] > before, "it to be refused")
        self.assert_shut(self.other)
        self.ask(guard, "revoke", "alice")
        self.first_window(WINDOW)
        self.knocks(alice, self.other)

        # A reload takes the limit up; who is in stays in.
        guard.write({"web": "ports = tcp/8080\nopen_for = 60"}, {"alice": (alice, "web", "max_grants = 2")},
                    {"knock": "tracked = 1024"})
        self.assertIn("max_grants 2", self.ask(guard, "reload"))
        self.first_window(WINDOW)
        self.knocks(alice)
        self.assert_open(self.other)


class Pair(GrantsTest):
    G = 30

    def start(self, *more):
        fields = {"method": "sealed", "granularity": self.G, "carrier": "udp", "ports": "20000-20009"}
        self.alice = self.lab.key("alice", **fields)
        guard = self.small_guard(None, keys={"alice": (self.alice, "web", *more)}, wait=False)
        self.lab.until(time.time() + 2 * CLOCK_ERROR + 1.1)  # knocks from now on are younger than the empty record
        return guard

    def assert_both_open(self):
        self.assert_opens(self.client)
        self.assert_opens(self.client, self.server.ip6)

    def test_either_family_opens_the_other(self):
        guard = self.start("pair = true")
        for target, named in ((self.server.ip4, self.client.ip6), (self.server.ip6, self.client.ip4)):
            said = json.loads(self.client.knock(target, self.alice, "web", "--pair", named, "--json").stdout)
            self.assertEqual([k["pair"] for k in said["knocks"]], [named])
            self.assert_both_open()
            self.assertEqual({g["address"]: g["keys"] for g in self.ask_json(guard, "grants")["list"]},
                             {self.client.ip4: ["alice"], self.client.ip6: ["alice"]})
            self.assert_shut(self.other)
            self.assert_shut(self.other, self.server.ip6)
            self.client.knock(target, self.alice, "web", "--pair", named, "--close")
            self.client.wait_shut(self.server.ip4, PORT)
            self.client.wait_shut(self.server.ip6, PORT)
        entries = self.ask_json(guard, "history", "--key", "alice")["entries"]
        self.assertEqual(sorted((e["what"], e["address"]) for e in entries),
                         sorted((what, a) for what in ("granted", "revoked") for a in (self.client.ip4, self.client.ip6)
                                for _ in range(2)))
        self.assertEqual(guard.status()["knocks"]["granted"], 4)

    def test_both_outlive_a_restart_and_end_with_their_key(self):
        guard = self.start("pair = true")
        self.client.knock(self.server.ip4, self.alice, "web", "--pair", self.client.ip6)
        self.assert_both_open()
        guard.sigkill()
        guard.start()
        self.assertEqual(self.ask(guard, "revoke", "alice"), "2 grants ended\n")
        self.assert_shut(self.client)
        self.assert_shut(self.client, self.server.ip6)

    def test_the_clients_own_addresses_are_found(self):
        self.start("pair = true")
        machine = Machine(self.client, {"door.example": [self.server.ip4, self.server.ip6]})
        shutil.copy(self.alice, machine.root + "/root/alice.key")
        said = machine.run(f"{self.lab.program} knock door.example web --key alice.key --time-server none --pair auto")
        self.assertIn(f"knocked on {self.server.ip4} from {self.client.ip4} for that and {self.client.ip6}: ", said.stdout)
        self.assert_both_open()

    def test_nothing_without_it(self):
        guard = self.start()
        self.client.knock(self.server.ip4, self.alice, "web", "--pair", self.client.ip6)
        guard.wait_log(f"it asks for {self.client.ip6}, and for_others is not set")
        self.assert_shut(self.client)
        self.assert_shut(self.client, self.server.ip6)

    def test_a_replay_opens_for_neither(self):
        guard = self.start("pair = true")
        sniffer = self.lab.sniffer(self.server)
        self.client.knock(self.server.ip4, self.alice, "web", "--pair", self.client.ip6, "--rounds", "1")
        self.assert_both_open()
        taken = [p for p in sniffer.raw(self.server.ip4) if p[9] == socket.IPPROTO_UDP]
        self.ask(guard, "revoke", "alice")
        self.lab.until(time.time() + 1.1)  # so long it passes for a later round
        self.lab.sender(self.client).send(taken)
        guard.wait_log("a replay")
        self.assert_shut(self.client)
        self.assert_shut(self.client, self.server.ip6)

    def test_what_cannot_be_asked_for(self):
        self.start("pair = true")
        for options, expected in ((("--pair", "nowhere"), "--pair: expected auto, or an address"),
                                  (("--pair", "auto", "--for", "192.0.2.1"), "--pair: expected none beside --for")):
            done = self.client.knock(self.server.ip4, self.alice, "web", *options, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(expected, done.stderr)
        for pair in ("auto", self.client.ip4):  # the target has one family
            done = self.client.knock(self.server.ip4, self.alice, "web", "--pair", pair, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("--pair: ", done.stderr)
        plain = self.key("plain")
        done = self.client.knock(self.server.ip4, plain, "web", "--pair", "auto", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("knocks of the method time-sequence name no address", done.stderr)


class UntilIdle(GrantsTest):
    def start(self, open_for=4):
        self.alice = self.key()
        return self.small_guard(self.alice, open_for=open_for, more="until = idle")

    def idle_end(self, guard, host):
        """When a grant ended because nothing lived any more, by the history."""
        return [e["when"] for e in self.ask_json(guard, "history", "--key", "alice")["entries"]
                if e["what"] == "expired" and e.get("why") == "the last connection has ended" and e["address"] == host]

    def test_it_lives_and_ends_with_its_connections(self):
        guard = self.start()
        for target, own in ((self.server.ip4, self.client.ip4), (self.server.ip6, self.client.ip6)):
            self.knocks(self.alice, target=target)
            first = self.client.connect(target, PORT)
            began = time.time()
            self.wait_prolonged(guard)
            self.lab.until(began + 5)  # open_for is over
            second = self.client.connect(target, PORT)
            self.assert_shut(self.other, target)
            first.close()
            self.lab.until(time.time() + 4)
            self.assert_open(self.client, target)  # one lives yet
            self.assertRegex(self.ask(guard, "grants"), rf"{own} .* s more, and while it has a connection")
            second.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            second.close()  # by a reset, which the host answers with nothing
            self.client.wait_shut(target, PORT, seconds=10)
            self.wait_for(lambda own=own: self.idle_end(guard, own), "the history to say why")
        self.assertEqual(self.ask_json(guard, "grants")["live"], 0)
        self.assertIn("1 grant ended: the last connection has ended", guard.log())
        self.assertIn("then until the last of them has ended", self.checked(guard))

    def test_who_does_not_come_in_has_only_his_time(self):
        guard = self.start()
        self.client.knock(self.server, self.alice, "web")
        self.wait_for(lambda: self.ask_json(guard, "grants")["live"] == 1, "the grant")
        self.wait_for(lambda: self.ask_json(guard, "grants")["live"] == 0, "its end")
        self.assert_shut(self.client)

    def test_a_server_that_is_dead_leaves_no_grant_behind(self):
        guard = self.start()
        self.knocks(self.alice)
        connection = self.client.connect(self.server.ip4, PORT)
        self.wait_prolonged(guard)
        name = guard.grant_set("web", 4)
        guard.sigkill()
        listed = json.loads(self.server.run(["nft", "-j", "list", "set", "inet", "chronoknock", name]).stdout)
        element, = next(o["set"] for o in listed["nftables"] if "set" in o)["elem"]
        self.assertLessEqual(element["elem"]["expires"], 120)
        # The next one goes on with it, and ends it.
        guard.start()
        self.assertEqual(self.ask_json(guard, "grants")["list"][0]["keys"], ["alice"])
        self.lab.until(time.time() + 4)
        self.assert_open(self.client)
        self.assertEqual(self.idle_end(guard, self.client.ip4), [])
        connection.close()
        self.client.wait_shut(self.server.ip4, PORT, seconds=10)
        self.wait_for(lambda: self.idle_end(guard, self.client.ip4), "the history to say why")

    def test_what_is_revoked_is_not_prolonged(self):
        guard = self.start()
        self.knocks(self.alice)
        connection = self.client.connect(self.server.ip4, PORT)
        self.wait_prolonged(guard)
        self.assertEqual(self.ask(guard, "revoke", "alice"), "1 grant ended\n")
        for _ in range(4):
            self.lab.until(time.time() + 1)
            self.assert_shut(self.client)
        connection.close()

    def test_a_reload_turns_it_off(self):
        guard = self.start()
        self.knocks(self.alice)
        connection = self.client.connect(self.server.ip4, PORT)
        self.wait_prolonged(guard)
        guard.write({"web": f"ports = tcp/{PORT}\nopen_for = 4"}, {"alice": (self.alice, "web")},
                    {"knock": "tracked = 1024"})
        self.assertIn("until time, not idle", self.ask(guard, "reload"))
        connection.close()
        self.lab.until(time.time() + 5)
        self.assert_open(self.client)  # what is open ends in its time
        self.ask(guard, "revoke", "alice")
        self.first_window(WINDOW)
        self.knocks(self.alice)
        connection = self.client.connect(self.server.ip4, PORT)
        self.client.wait_shut(self.server.ip4, PORT)
        connection.close()


class OtherBackends(GrantsTest):
    FIELDS = {
        "nft-set": ("table = inet filter\n", "set4 = web4\n"),
        "ipset": ("", "set4 = web4\n"),
        "command": ("open = /bin/true\nclose = /bin/true\n", ""),
        "dry-run": ("", ""),
    }

    def start(self, backend, key_field="", service_field="", **options):
        firewall, service = self.FIELDS[backend]
        return self.small_guard(self.alice, sections={"firewall": f"backend = {backend}\n{firewall}"},
                                keys={"alice": (self.alice, "web", *filter(None, [key_field]))},
                                more=service + service_field, **options)

    def test_what_they_cannot_do_is_refused(self):
        self.alice = self.key()
        for backend in ("nft-set", "ipset", "command"):
            for key_field, service_field, field in (
                    ("prefix4 = 24", "", "prefix4 or prefix6 of a key that opens [service.web]"),
                    ("prefix6 = 64", "", "prefix4 or prefix6 of a key that opens [service.web]"),
                    ("", "until = idle", "[service.web] until = idle")):
                guard = self.start(backend, key_field, service_field, start=False, wait=False)
                for command in ("check", "server"):
                    done = self.server.run([self.lab.program, command, "--config", guard.config], check=False)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertRegex(done.stderr, rf"\Achronoknock: [^\n]*: {re.escape(field)}: the backend {backend} "
                                                  r"has no such thing\n\Z")

    def test_a_dry_run_takes_them_all(self):
        self.alice = self.key()
        guard = self.start("dry-run", "prefix4 = 24\nmax_grants = 1", "until = idle", open_for=2)
        self.client.knock(self.server, self.alice, "web")
        net = f"10.77.{self.client.number}.0/24"
        guard.wait_log(f"dry run: would open web (tcp/{PORT}) to {net} for 2s, by the key alice")
        guard.wait_log(f"dry run: would close web (tcp/{PORT}) to {net}")
        self.assertNotIn("error", guard.log())

    def test_max_grants_and_pair_by_programs(self):
        self.alice = self.lab.key("alice", method="sealed", granularity=30, carrier="udp", ports="20000-20009")
        guard = self.start("command", "pair = true\nmax_grants = 2", open_for=60, wait=False)
        self.lab.until(time.time() + 2 * CLOCK_ERROR + 1.1)
        self.client.knock(self.server.ip4, self.alice, "web", "--pair", self.client.ip6)
        self.wait_for(lambda: sorted(g["address"] for g in self.ask_json(guard, "grants")["list"]) ==
                      sorted([self.client.ip4, self.client.ip6]), "both to be open")
        self.other.knock(self.server.ip4, self.alice, "web", "--pair", self.other.ip6)
        guard.wait_log("its key has 2 grants, and max_grants is 2")

    def test_networks_and_idle_grants_of_an_earlier_backend_end(self):
        """The record has them; the programs have opened none of it."""
        self.alice = self.key()
        guard = self.small_guard(self.alice, keys={"alice": (self.alice, "web", "prefix4 = 24")},
                                 more="until = idle", open_for=60)
        self.knocks(self.alice)
        guard.sigkill()
        log = self.lab.folder / "calls"
        program = self.lab.folder / "note"
        program.write_text(f'#!/bin/sh\necho "$CHRONOKNOCK_ACTION $CHRONOKNOCK_ADDRESS" >> {log}\n', encoding="ascii")
        program.chmod(0o755)
        self.FIELDS = {"command": (f"open = {program}\nclose = {program}\n", "")}
        guard.write({"web": f"ports = tcp/{PORT}\nopen_for = 60"}, {"alice": (self.alice, "web")},
                    {"knock": "tracked = 1024", "firewall": f"backend = command\n{self.FIELDS['command'][0]}"})
        guard.start()
        self.assertEqual(self.ask_json(guard, "grants")["live"], 0)
        self.first_window(WINDOW)
        self.client.knock(self.server, self.alice, "web")
        self.wait_for(lambda: log.exists() and log.read_text(encoding="ascii") == f"open {self.client.ip4}\n",
                      "the program to be run for the new grant alone")


if __name__ == "__main__":
    unittest.main()
