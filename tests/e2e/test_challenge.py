"""Challenge and response: through a translating router, both families, and what an eavesdropper has of it."""

import random
import socket
import threading
import time
import unittest

from case import PORT, WINDOW, LabTest
from datagrams import UdpSniffer, udp
from lab import Host

ANSWER = 50  # bytes


class Challenge(LabTest):
    window = WINDOW

    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.challenge_key("alice"), self.challenge_key("bob")

    def challenge_key(self, name, **fields):
        return self.key(name, method="challenge", granularity=self.window, **fields)

    def guarded(self, **options):
        options.setdefault("keys", {"alice": (self.alice, "web"), "bob": (self.bob, "web")})
        guard = self.small_guard(None, wait=False, **options)
        self.first_window(self.window)
        return guard

    def udp_sniffer(self, host):
        return self.lab.keep(UdpSniffer(self.lab.router, host.name))

    def answers(self, sniffer, target=None):
        """What the server has sent in answer since the last call, to an address if it is given."""
        own = (self.server.ip4, self.server.ip6)
        return [d for d in sniffer.datagrams(target=target) if d.source in own and len(d.payload) == ANSWER]

    def record(self, key, *options):
        """Knocks and returns the datagrams of the knock, request and response, once they have opened the door."""
        sniffer = self.udp_sniffer(self.server)
        self.client.knock(self.server, key, "web", *options)
        self.assert_opens(self.client)
        return [d for d in sniffer.datagrams(target=self.server.ip4)]

    def all_seen(self, key=None, host=None):
        """Returns when the server has seen all that was sent so far: a knock sent after it has opened its door. (No two
        hosts can use one key in one window.)"""
        super().all_seen(key or self.bob, host or self.lab.host(f"third{len(self.lab.hosts)}"))


class Opens(Challenge):
    def test_directly_over_both_families(self):
        guard = self.guarded()
        for target in (self.server.ip4, self.server.ip6):
            self.assert_shut(self.client, target)
            done = self.client.knock(target, self.alice, "web", "--wait", PORT)
            self.assertIn("open", done.stdout)
            self.assert_opens(self.client, target)
            self.assert_shut(self.other, target)
        guard.wait_log("key alice opens web", count=2)

    def test_by_a_key_that_heeds_the_address_and_in_strict_mode(self):
        key = self.challenge_key("heeds", ignore="")
        self.guarded(keys={"heeds": (key, "web", "mode = strict")})
        self.client.knock(self.server, key)
        self.assert_opens(self.client)

    def test_from_ports_that_programs_have(self):
        """The answer comes from there all the same."""
        key = self.challenge_key("narrow", ports="20000-20099", length=64)
        self.guarded(keys={"narrow": (key, "web", "allow_weak = true")})
        taken = [self.server.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(100)]
        for n, one in enumerate(taken):
            self.addCleanup(one.close)
            one.bind(("0.0.0.0", 20000 + n))
        self.client.knock(self.server, key)
        self.assert_opens(self.client)

    def test_through_loss(self):
        guard = self.guarded()
        self.lab.router_rules("meta l4proto { udp, icmp } numgen random mod 100 < 5 counter drop")
        for n in range(5):
            self.client.knock(self.server, self.alice, "web")
            guard.wait_log("key alice opens web", count=n + 1)

    def test_request_in_any_order_is_answered(self):
        self.guarded()
        ports = self.client.run([self.lab.program, "sequence", "--key", self.alice, "--ip", "192.0.2.1",
                                 "--service", "web", "--at", str(int(time.time() - 0.5))]).stdout.split()
        random.Random(1).shuffle(ports)
        with self.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.bind((self.client.ip4, 0))
            for port in ports:
                s.sendto(b"", (self.server.ip4, int(port)))
            answer, source = s.recvfrom(2048)
        self.assertEqual(len(answer), ANSWER)
        self.assertEqual(source, (self.server.ip4, int(ports[-1])))

    def test_forged_answers_are_ignored(self):
        self.guarded()
        heard = self.udp_sniffer(self.server)
        sender = self.lab.sender(self.lab.router)
        over = threading.Event()
        forged = []

        def forge():
            while not over.is_set():
                for d in heard.datagrams(target=self.server.ip4):
                    forged.append(d)
                    sender.send([udp(d.target, d.source, d.source_port, d.port, random.randbytes(n))
                                 for n in (ANSWER, 0, 1400)])
        forger = threading.Thread(target=forge)
        forger.start()
        try:
            self.client.knock(self.server, self.alice, "web")
            self.wait_for(lambda: len(forged) > 15, "answers to be forged")
        finally:
            over.set()
            forger.join()
        self.assert_opens(self.client)

    def test_no_answer_is_said(self):
        self.guarded()
        stranger = self.challenge_key("stranger")
        seen = self.udp_sniffer(self.server)
        done = self.client.knock(self.server, stranger, "web", "--rounds", "2", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("did not answer the request", done.stderr)
        self.assertEqual(self.answers(seen), [])
        self.assert_shut(self.client)


class Translated(Challenge):
    """Clients behind a router that hides them."""

    def setUp(self):
        super().setUp()
        self.nat = self.lab.host("nat")
        self.nat.sysctl("net.ipv4.ip_forward", 1)
        self.nat.run(["nft", "-f", "-"], stdin="""
            table ip nat { chain out { type nat hook postrouting priority srcnat;
                oifname "eth0" masquerade random
            }
            }""")
        self.inside = [self.hidden(n) for n in (1, 2)]

    def hidden(self, n):
        host = Host(self.lab, f"inside{n}", 100 + n)
        self.lab.hosts.append(host)
        self.nat.run(["ip", "link", "add", f"in{n}", "type", "veth", "peer", "name", "eth0", "netns", host.path])
        self.nat.run(["ip", "addr", "add", f"192.168.{n}.1/24", "dev", f"in{n}"])
        self.nat.run(["ip", "link", "set", f"in{n}", "up"])
        host.run(["ip", "addr", "add", f"192.168.{n}.2/24", "dev", "eth0"])
        host.run(["ip", "link", "set", "eth0", "up"])
        host.run(["ip", "route", "add", "default", "via", f"192.168.{n}.1"])
        self.wait_for(lambda: host.door(self.nat.ip4, 1, seconds=0.05) == "refused", "the wire inside")
        return host

    def test_opens_for_the_address_that_the_server_sees(self):
        guard = self.guarded()
        done = self.inside[0].knock(self.server, self.alice, "web")
        self.assertNotIn("--source", done.stderr)
        self.assert_opens(self.inside[0])
        guard.wait_log(f"key alice opens web for 30s to {self.nat.ip4}")
        self.assert_shut(self.client)

    def test_two_clients_behind_one_router(self):
        guard = self.guarded()
        threads = [threading.Thread(target=h.knock, args=(self.server, k, "web"))
                   for h, k in zip(self.inside, (self.alice, self.bob))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        guard.wait_log(f"key alice opens web for 30s to {self.nat.ip4}")
        guard.wait_log(f"key bob opens web for 30s to {self.nat.ip4}")
        for h in self.inside:
            self.assert_opens(h)


class Replay(Challenge):
    """Each replay is sent while its window is still good, the grant it earned being over."""

    window = 8

    def replay(self, heard):
        """Sends what was heard again, from where the knocker is and from elsewhere; it opens nothing, and elsewhere
        there is no answer to it."""
        seen = self.udp_sniffer(self.server)
        sender = self.lab.sender(self.other)
        sender.send([d.again() for d in heard])
        sender.send([d.again(self.other.ip4) for d in heard])
        self.all_seen()
        self.assertEqual(self.answers(seen, self.other.ip4), [])
        for host in (self.client, self.other):
            self.assert_shut(host)

    def shut_again(self):
        self.client.wait_shut(self.server.ip4, PORT)

    def test_at_once_and_later(self):
        self.guarded(open_for=4)
        heard = self.record(self.alice)
        self.shut_again()
        self.replay(heard)

    def test_repeated_elsewhere_while_the_grant_lasts(self):
        self.guarded()
        seen = self.udp_sniffer(self.server)
        heard = self.record(self.alice)
        self.lab.sender(self.other).send([d.again(self.other.ip4) for d in heard])
        self.all_seen()
        self.assertEqual(self.answers(seen, self.other.ip4), [])
        self.assert_shut(self.other)

    def test_after_a_restart_and_sigkill_and_with_the_state_file_deleted(self):
        guard = self.guarded(open_for=4)
        heard = self.record(self.alice)
        guard.stop()
        guard.start()
        self.shut_again()
        self.replay(heard)
        guard.sigkill()
        guard.start()
        self.lab.sender(self.other).send([d.again() for d in heard])
        guard.stop()
        for file in guard.folder.glob("state.db*"):
            file.unlink()
        guard.start()
        self.lab.sender(self.other).send([d.again() for d in heard])
        self.assert_shut(self.client)
        self.first_window(self.window)
        self.all_seen()
        self.assert_shut(self.client)
        self.assertEqual(guard.count_log("key alice opens web for 4s to " + self.client.ip4, 1), 1)


if __name__ == "__main__":
    unittest.main()
