"""Sealed requests by each carrier: they open, once, for whom they name, for as long as they may, and close again."""

import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from case import PORT, LabTest
from lab import CLOCK_ERROR, syn, wait_for

VECTORS = pathlib.Path(__file__).parents[1] / "unit/method/method_vectors.json"
CARRIERS = ("ports", "udp", "icmp", "dns")
ZONE = "knock.example.org"
G = 30  # long: a replay is refused for being one, not for its age
BASE = 10000  # of the carrier ports: 10000 to 57103, without the door
DATAGRAMS = "20000-20009"
REFUSED = "refused a knock from"


class Sealed(LabTest):
    def sealed_key(self, name="alice", **fields):
        fields.setdefault("carrier", ", ".join(CARRIERS))
        return self.lab.key(name, **{"method": "sealed", "granularity": G, "base": BASE, "ports": DATAGRAMS,
                                     "zone": ZONE, **fields})

    def start(self, *keys, open_for=30, more="", ready=True):
        """keys: of `sealed_key`, or with lines for their sections."""
        keys = [k if isinstance(k, tuple) else (k,) for k in keys]
        guard = self.small_guard(None, wait=False, open_for=open_for, more=more,
                                 keys={k[0].stem: (k[0], "web", *k[1:]) for k in keys})
        if ready:
            self.ready()
        return guard

    def ready(self):
        """What is made from now on is younger than an empty record."""
        self.lab.until(time.time() + 2 * CLOCK_ERROR + 1.1)

    def sequence(self, key, ip, carrier, *options):
        done = self.client.run([self.lab.program, "sequence", "--key", key, "--ip", ip, "--carrier", carrier, *options])
        return done.stdout.strip()

    def fresh(self, number, version=4):
        """An address of the client's that has not knocked."""
        if number == 1:
            self.client.add_addresses("10.99.0.0/16", "fd99::/64")
        return f"10.99.0.{number}" if version == 4 else f"fd99::{number}"

    def refused(self, guard):
        return guard.status()["knocks"]["refused"]

    def test_every_carrier_of_both_families(self):
        guard = self.start(self.sealed_key())
        number = 0
        for carrier in CARRIERS:
            for version in (4, 6):
                number += 1
                with self.subTest(carrier=carrier, version=version):
                    source, target = self.fresh(number, version), self.server.ip(version)
                    self.assert_shut(self.client, target, source=source)
                    self.client.knock(target, self.lab.folder / "alice.key", "web", "--carrier", carrier, "--source", source)
                    self.assert_opens(self.client, target, source=source)
                    guard.wait_log(f"opens web for 30s to {source}, message of ")
                    self.assert_shut(self.client, target)  # its own address did not knock
        said = re.sub(r"\d\d:\d\d:\d\d(\.\d+)?|pid \d+", "", guard.log())
        for port in ("20000", "20009", str(BASE)):
            self.assertNotIn(port, said)

    def test_first_carrier_is_the_default(self):
        guard = self.start(self.sealed_key(carrier="icmp, udp"))
        done = self.client.knock(self.server, self.lab.folder / "alice.key")
        self.assertRegex(done.stdout, r"\d packets in \d rounds\n")
        guard.wait_log("by icmp")

    def test_replay(self):
        """At once, after a restart, after SIGKILL, with the state file lost, from its own address and another's."""
        key = self.sealed_key()
        guard = self.start(key, open_for=4)
        sniffer, sender, thief = self.lab.sniffer(self.server), self.lab.sender(self.client), self.lab.sender(self.other)
        taken = {}
        for number, carrier in enumerate(CARRIERS, 1):
            source = self.fresh(number)
            sniffer.raw()
            self.client.knock(self.server, key, "web", "--carrier", carrier, "--source", source, "--rounds", "1")
            self.assert_opens(self.client, source=source)
            mine = socket.inet_aton(source)
            taken[carrier] = source, [p for p in sniffer.raw(self.server.ip4)
                                      if p[12:16] == mine and p[22:24] != PORT.to_bytes(2, "big")]
            self.assertEqual(len(taken[carrier][1]), 46 if carrier == "ports" else 1)
        for source, _ in taken.values():
            self.client.wait_shut(self.server.ip4, PORT, source)

        def is_refused(carrier, when):
            source, packets = taken[carrier]
            before = self.refused(guard)
            sender.send(packets)
            with self.subTest(carrier=carrier, when=when):
                wait_for(lambda: self.refused(guard) > before, f"the refusal of a replay by {carrier} {when}")
                self.assert_shut(self.client, source=source)

        for carrier in CARRIERS:
            is_refused(carrier, "at once")
        guard.wait_log("a replay")
        # From elsewhere: the message is for another address.
        for carrier in CARRIERS:
            before = self.refused(guard)
            thief.send([p[:12] + socket.inet_aton(self.other.ip4) + p[16:] for p in taken[carrier][1]])
            wait_for(lambda before=before: self.refused(guard) > before, f"the refusal from elsewhere by {carrier}")
            self.assert_shut(self.other)
        guard.wait_log("and for_others is not set")
        guard.stop()
        guard.restart()
        for carrier in CARRIERS:
            is_refused(carrier, "after a restart")
        guard.sigkill()
        guard.restart()
        for carrier in CARRIERS:
            is_refused(carrier, "after SIGKILL")
        guard.sigkill()
        for path in guard.folder.glob("state.db*"):
            path.unlink()
        guard.restart()
        for carrier in CARRIERS:
            is_refused(carrier, "with the state lost")
        guard.wait_log("began before this server's record")

    def test_old_and_future(self):
        key = self.sealed_key()
        guard = self.start(key)
        now = int(time.time())
        for at in (now - 3 * G, now + 3 * G, now - 2 * G - 6, now + 20):
            self.client.knock(self.server, key, "web", "--carrier", "udp", "--at", str(at))
        self.all_seen(key)
        self.assert_shut(self.client)
        self.assertNotIn(f"to {self.client.ip4}", guard.log())

    def test_loss(self):
        key = self.sealed_key(carrier="ports")
        self.start(key)
        self.lab.router_rules("tcp dport != 8080 tcp flags syn numgen random mod 100 < 5 drop")
        for number in range(1, 9):
            source = self.fresh(number)
            self.client.knock(self.server, key, "web", "--source", source)
            self.assert_opens(self.client, source=source)

    def test_disorder_and_noise(self):
        key = self.sealed_key()
        self.start(key)
        sender = self.lab.sender(self.client)
        for number in range(1, 9):
            source = self.fresh(number)
            ports = self.sequence(key, source, "ports", "--service", "web").split()
            random.shuffle(ports)
            for order, port in enumerate(ports):
                sender.send([syn(source, self.server.ip4, int(port))])
                if number > 4 and order % 10 == 0:
                    sender.send([syn(source, self.server.ip4, random.randrange(BASE, BASE + 46 * 1024))])
            self.assert_opens(self.client, source=source)

    def test_noise_all_the_while(self):
        """A spoofer sends in the knocker's name without end; the client knocks as ever."""
        key = self.sealed_key(carrier="ports")
        self.start(key)
        program = f"""
import random, sys, time
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from packets import syn
import socket
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
while True:
    raw.sendto(syn({self.client.ip4!r}, {self.server.ip4!r}, random.randrange({BASE}, {BASE} + 46 * 1024)), ({self.server.ip4!r}, 0))
    time.sleep(0.02)
"""
        noise = self.other.spawn([sys.executable, "-c", program], log=self.other.home / "noise.log")
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        self.assertTrue(noise.alive(), noise.log.read_text())

    def test_sequential(self):
        key = self.sealed_key(carrier="ports", order="sequential", bits=8)
        self.start(key)
        self.client.knock(self.server, key, "web", "--gap", "1")
        self.assert_opens(self.client)
        sender = self.lab.sender(self.other)
        ports = [int(p) for p in self.sequence(key, self.other.ip4, "ports").split()]
        swapped = list(ports)
        at = next(i for i in range(len(ports) - 1) if ports[i] != ports[i + 1])
        swapped[at], swapped[at + 1] = ports[at + 1], ports[at]
        sender.send([syn(self.other.ip4, self.server.ip4, p) for p in swapped], rate=1000)
        self.assert_shut(self.other)
        sender.send([syn(self.other.ip4, self.server.ip4, p) for p in ports], rate=1000)
        self.assert_opens(self.other)

    def test_close_ends_only_the_grants_of_its_key(self):
        alice, bob = self.sealed_key(carrier="udp"), self.sealed_key("bob", carrier="udp")
        guard = self.start(alice, bob)
        def knock(key, *options):
            self.client.knock(self.server, key, "web", *options)
        knock(bob)
        self.assert_opens(self.client)
        knock(alice, "--close")  # has nothing open
        guard.wait_log("key alice closes")
        guard.wait_log("which had none of it open")
        self.assert_open(self.client)
        knock(alice)
        guard.wait_log("key alice opens web")
        knock(alice, "--close")
        guard.wait_log("key alice closes", count=2)
        self.assert_open(self.client)  # by bob's
        knock(bob, "--close")
        self.client.wait_shut(self.server.ip4, PORT)

    def test_closed_grant_of_another_key_ends_when_it_should(self):
        """Alice's ended for an hour, bob's for ten seconds: her close leaves it ten."""
        alice, bob = self.sealed_key(carrier="udp"), self.sealed_key("bob", carrier="udp")
        guard = self.start(alice, bob, open_for=10, more="max_open_for = 1h")
        self.client.knock(self.server, bob, "web")
        self.client.knock(self.server, alice, "web", "--open-for", "1h")
        guard.wait_log("key alice opens web for 3600s")
        self.client.knock(self.server, alice, "web", "--close")
        guard.wait_log("key alice closes")
        self.assert_opens(self.client)
        self.client.wait_shut(self.server.ip4, PORT, seconds=20)

    def test_close_of_what_was_opened_before_a_restart(self):
        alice, bob = self.sealed_key(carrier="udp"), self.sealed_key("bob", carrier="udp")
        guard = self.start(alice, bob)
        self.client.knock(self.server, alice, "web")
        self.other.knock(self.server, bob, "web")
        for host in (self.client, self.other):
            self.assert_opens(host)
        guard.stop()
        guard.restart()
        self.other.knock(self.server, alice, "web", "--close")  # not hers
        guard.wait_log("key alice closes")
        self.client.knock(self.server, alice, "web", "--close")
        self.client.wait_shut(self.server.ip4, PORT)
        self.assert_open(self.other)
        guard.sigkill()
        guard.restart()
        self.other.knock(self.server, bob, "web", "--close")
        self.other.wait_shut(self.server.ip4, PORT)

    def test_replay_of_a_close_closes_nothing(self):
        key = self.sealed_key(carrier="udp")
        guard = self.start(key)
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        sniffer = self.lab.sniffer(self.server)
        self.client.knock(self.server, key, "web", "--close", "--rounds", "1")
        self.client.wait_shut(self.server.ip4, PORT)
        taken = [p for p in sniffer.raw(self.server.ip4) if p[9] == socket.IPPROTO_UDP]
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        self.lab.until(time.time() + 1.1)  # so long it passes for a later round
        self.lab.sender(self.client).send(taken)
        guard.wait_log("a replay")
        self.assert_open(self.client)

    def test_for_others(self):
        """A laptop opens for a phone."""
        alice, bob = self.sealed_key(carrier="udp"), self.sealed_key("bob", carrier="udp")
        guard = self.start((alice, "for_others = true"), bob)
        self.client.knock(self.server, bob, "web", "--for", self.other.ip4)
        guard.wait_log(f"{REFUSED} {self.client.ip4}")
        self.assertIn(f"it asks for {self.other.ip4}, and for_others is not set", guard.log())
        self.client.knock(self.server, alice, "web", "--for", self.other.ip4)
        self.assert_opens(self.other)
        self.assert_shut(self.client)
        self.client.knock(self.server, alice, "web", "--for", "::")  # whoever sends it
        self.assert_opens(self.client)

    def test_open_for_is_bounded_by_the_service(self):
        key = self.sealed_key(carrier="udp")
        guard = self.start(key, open_for=1, more="max_open_for = 5")
        self.client.knock(self.server, key, "web", "--open-for", "1h")
        guard.wait_log("opens web for 5s")
        self.assert_opens(self.client)
        self.client.wait_shut(self.server.ip4, PORT)
        self.client.knock(self.server, key, "web", "--open-for", "2")
        guard.wait_log("opens web for 2s")

    def test_dns_in_any_case(self):
        key = self.sealed_key()
        guard = self.start(key)
        name = self.sequence(key, self.client.ip4, "dns", "--service", "web")
        name = "".join(random.choice((c.upper(), c.lower())) for c in name)
        question = b"\x12\x34\x01\x00" + bytes((0, 1, 0, 0, 0, 0, 0, 0)) + \
            b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0" + bytes((0, 16, 0, 1))
        with self.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(question, (self.server.ip4, 53))
        self.assert_opens(self.client)
        guard.wait_log("by dns")

    def test_ping_without_privilege(self):
        key = self.sealed_key(carrier="icmp")
        self.start(key)
        folder = pathlib.Path("/var/tmp") / f"chronoknock-ping-{self.lab.folder.name}"
        folder.mkdir()
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        shutil.copy(self.lab.program, folder / "chronoknock")
        shutil.copy(key, folder)
        shutil.chown(folder / key.name, "nobody")
        argv = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all", folder / "chronoknock",
                "knock", self.server.ip4, "web", "--key", folder / key.name, "--time-server", "none"]
        self.client.sysctl("net.ipv4.ping_group_range", "1 0")
        done = self.client.run(argv, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot send a ping: ", done.stderr)
        self.assertIn("ping_group_range", done.stderr)
        self.client.sysctl("net.ipv4.ping_group_range", "0 2147483647")
        self.client.run(argv)
        self.assert_opens(self.client)
        argv[argv.index(self.server.ip4)] = self.server.ip6
        self.client.run(argv)
        self.assert_opens(self.client, self.server.ip6)

    def test_service_that_the_key_may_not_open(self):
        key = self.sealed_key(carrier="udp")
        guard = self.start(key)
        self.client.knock(self.server, key, "mail")
        guard.wait_log("it asks for a service that the key may not open")
        self.assert_shut(self.client)


class Sequence(unittest.TestCase):
    def setUp(self):
        self.program = os.environ.get("CHRONOKNOCK", str(pathlib.Path(__file__).parents[2] / "build/app/chronoknock"))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="chronoknock-sequence-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def run_sequence(self, fields, *options):
        path = self.folder / "a.key"
        path.write_text("".join(f"{n} = {v}\n" for n, v in fields.items()), encoding="ascii")
        path.chmod(0o600)
        return subprocess.run([self.program, "sequence", "--key", path, *options], capture_output=True, text=True,
                              check=False)

    def test_every_vector(self):
        for case in json.loads(VECTORS.read_text(encoding="utf-8"))["sealed"]:
            for carrier, expected in (("ports", " ".join(map(str, case["ports"]))), ("udp", case["message"]),
                                      ("icmp", case["message"]), ("dns", case["name"])):
                options = ["--ip", case["ip"], "--at", str(case["time"]), "--nonce", case["nonce"],
                           "--service", case["service"], *(["--close"] if case["action"] == "close" else []),
                           *(["--open-for", str(case["open_for"])] if case["open_for"] else [])]
                with self.subTest(carrier=carrier, time=case["time"]):
                    fields = {**case["key"], "carrier": carrier}
                    self.assertEqual(self.run_sequence(fields, *options).stdout, expected + "\n")
                    fields["carrier"] = ", ".join(CARRIERS)
                    done = self.run_sequence(fields, *options, "--carrier", carrier)
                    self.assertEqual(done.stdout, expected + "\n")

    def test_bad_options(self):
        fields = {"method": "sealed", "secret": "00" * 16}
        for options, complaint in ((("--nonce", "0011"), "--nonce: expected 4 bytes in hexadecimal"),
                                   (("--nonce", ""), "--nonce"),
                                   (("--nonce", "xx"), "--nonce"),
                                   (("--carrier", "dns"), "--carrier"),
                                   (("--open-for", "0"), "--open-for"),
                                   (("--for", "nowhere"), "--for")):
            done = self.run_sequence(fields, "--ip", "192.0.2.1", *options)
            with self.subTest(options=options):
                self.assertEqual(done.returncode, 2)
                self.assertIn(complaint, done.stderr)
                self.assertEqual(done.stdout, "")
        done = self.run_sequence({**fields, "method": "challenge"}, "--ip", "192.0.2.1", "--nonce", "aabb")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--nonce: expected 16 bytes in hexadecimal", done.stderr)

    def test_a_resolver_that_is_not_found_is_no_bad_option(self):
        path = self.folder / "a.key"
        path.write_text(f"method = sealed\nsecret = {'00' * 16}\ncarrier = udp, dns\nzone = knock.example\n",
                        encoding="ascii")
        path.chmod(0o600)
        for options, status, complaint in ((("--carrier", "dns", "--resolver", "nosuch.invalid"), 1, "nosuch.invalid"),
                                           (("--resolver", "127.0.0.1"), 2, "--resolver: expected none")):
            done = subprocess.run([self.program, "knock", "127.0.0.1", "--key", path, "--time-server", "none", *options],
                                  capture_output=True, text=True, check=False)
            with self.subTest(options=options):
                self.assertEqual(done.returncode, status)
                self.assertIn(complaint, done.stderr)


if __name__ == "__main__":
    unittest.main()
