"""Several keys, services and clients at a time."""

import subprocess
import time
import unittest

from case import PORT, LabTest
from lab import start_http, syn


class Many(LabTest):
    def test_two_services_two_keys_at_the_same_time(self):
        alice, bob = self.key("alice"), self.key("bob")
        start_http(self.server, 8081)
        self.guard(alice, services={"web": f"ports = tcp/{PORT}", "admin": "ports = tcp/8081"},
                   keys={"alice": (alice, "web"), "bob": (bob, "admin")})
        both = [self.client.spawn(self.client.knock_argv(self.server, alice, "web")),
                self.other.spawn(self.other.knock_argv(self.server, bob, "admin"))]
        self.assertEqual([p.stop(0) for p in both], [0, 0], [p.text() for p in both])
        self.assert_opens(self.client)
        self.assert_opens(self.other, port=8081)
        self.assert_shut(self.client, port=8081)
        self.assert_shut(self.other)

    def test_one_address_with_two_keys(self):
        alice, bob = self.key("alice"), self.key("bob")
        start_http(self.server, 8081)
        self.guard(alice, services={"web": f"ports = tcp/{PORT}", "admin": "ports = tcp/8081"},
                   keys={"alice": (alice, "web"), "bob": (bob, "admin")})
        both = [self.client.spawn(self.client.knock_argv(self.server, key, service), log=self.client.home / service)
                for key, service in ((alice, "web"), (bob, "admin"))]
        self.assertEqual([p.stop(0) for p in both], [0, 0], [p.text() for p in both])
        self.assert_opens(self.client)
        self.assert_opens(self.client, port=8081)

    def test_many_clients_at_once(self):
        """Real clients, each with an address of its own, all started before the first has ended."""
        key = self.key(granularity=10)
        self.guard(key, open_for=60, wait=False)
        self.client.add_addresses("10.78.0.0/24", "fd78::/64")
        self.first_window(10)
        sources = [f"10.78.0.{i}" for i in range(1, 101)] + [f"fd78::{i:x}" for i in range(1, 51)]
        started = []
        for i, source in enumerate(sources):
            home = self.client.home / f"home{i}"
            target = self.server.ip4 if "." in source else self.server.ip6
            started.append(self.client.spawn(
                self.client.knock_argv(target, key, "web", "--source", source), log=self.client.home / f"log{i}",
                env={"HOME": str(home), "XDG_STATE_HOME": str(home)}, stdin=subprocess.DEVNULL))
        self.assertEqual([p.text() for p in started if p.stop(0, 60) != 0], [])
        for source in sources:
            self.assert_opens(self.client, self.server.ip4 if "." in source else self.server.ip6, source=source)
        self.assert_shut(self.client)

    def test_two_hundred_addresses_in_one_burst(self):
        """Their SYNs interleaved: the first of all, the second of all..."""
        keys = [self.key(f"key{i}", granularity=30) for i in range(2)]  # 200 sequences take their time
        self.guard(None, open_for=60, keys={f"key{i}": (k, "web") for i, k in enumerate(keys)}, wait=False)
        self.client.add_addresses("10.78.0.0/16")
        at = self.first_window(30)
        sources = [f"10.78.{i // 250}.{i % 250 + 1}" for i in range(200)]
        sequences = [self.sequence(keys[i % 2], source, at) for i, source in enumerate(sources)]
        packets = [syn(source, self.server.ip4, sequence[n]) for n in range(16)
                   for source, sequence in zip(sources, sequences)]
        start = time.monotonic()
        self.lab.sender(self.other).send(packets)
        self.assertLess(time.monotonic() - start, 20)
        for source in sources:
            self.assert_opens(self.client, source=source)

    def sequence(self, key, address, at):
        said = self.client.run([self.lab.program, "sequence", "--key", key, "--ip", address, "--at", at,
                                "--service", "web"])
        return [int(word) for word in said.stdout.split()]


if __name__ == "__main__":
    unittest.main()
