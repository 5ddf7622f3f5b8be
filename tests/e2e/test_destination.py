"""Only a knock that is addressed to this host, or to a network it guards for, opens its door."""

import unittest

from case import PORT, WINDOW, LabTest
from lab import start_http

ROUNDS = 16  # SYNs of a knock, at the least


class Router(LabTest):
    """The router between the hosts is guarded itself."""

    def guard_router(self, **sections):
        key = self.key()
        start_http(self.lab.router, PORT)
        guard = self.lab.chronoknock(self.lab.router, services={"web": f"ports = tcp/{PORT}"},
                                     keys={"alice": (key, "web")}, sections=sections)
        self.guards.append(guard)
        self.first_window(WINDOW)
        return key, guard

    @staticmethod
    def router_of(host, version):
        return {4: f"10.77.{host.number}.1", 6: f"fd77:{host.number}::1"}[version]

    def test_what_it_forwards_opens_no_door_of_its_own(self):
        key, guard = self.guard_router()
        for version in (4, 6):
            with self.subTest(version=version):
                before = guard.status()["packets"].get("elsewhere", 0)
                self.client.knock(self.server.ip(version), key, "web")
                own = self.router_of(self.other, version)
                self.other.knock(own, key, "web")  # what was sent before it has been seen when it opens
                self.assert_opens(self.other, own)
                self.assert_shut(self.client, self.router_of(self.client, version))
                self.assertGreaterEqual(guard.status()["packets"]["elsewhere"], before + ROUNDS)

    def test_what_goes_to_a_network_it_guards_for_counts(self):
        key, guard = self.guard_router(capture=f"also_for = 10.77.{self.server.number}.0/24, fd77:{self.server.number}::/64")
        for version in (4, 6):
            with self.subTest(version=version):
                self.client.knock(self.server.ip(version), key, "web")
                self.assert_opens(self.client, self.router_of(self.client, version))
        # And to no other.
        self.other.knock(self.client, key, "web")
        self.lab.next_window(WINDOW)
        self.client.knock(self.router_of(self.client, 4), key, "web")
        guard.wait_log("key alice opens web", count=3)
        self.assert_shut(self.other, self.router_of(self.other, 4))


class OwnAddresses(LabTest):
    def test_each_counts_whenever_it_came(self):
        key = self.key()
        self.server.run(["ip", "addr", "add", "10.77.1.9/24", "dev", "eth0"])
        guard = self.guard(key, open_for=1)
        opened = 0

        def knock_counts(target):
            nonlocal opened
            with self.subTest(target=target):
                self.lab.next_window(WINDOW)  # each knock of one address is of a window of its own
                self.client.knock(target, key, "web")
                opened += 1
                guard.wait_log("key alice opens web", count=opened)

        knock_counts(self.server.ip4)
        knock_counts("10.77.1.9")
        self.server.run(["ip", "addr", "add", "10.77.1.10/24", "dev", "eth0"])
        knock_counts("10.77.1.10")
        knock_counts(self.server.ip6)
        self.server.run(["ip", "addr", "add", "fd77:1::10/64", "dev", "eth0", "nodad"])
        knock_counts("fd77:1::10")

    def test_one_that_was_taken_away_does_not_count(self):
        """It may be another host's now, and this one forward to it."""
        key = self.key()
        self.server.run(["ip", "addr", "add", "10.77.1.9/24", "dev", "eth0"])
        guard = self.guard(key)
        # Answered for, though it is not there: what is sent to it still comes in.
        self.server.sysctl("net.ipv4.ip_forward", 1)
        self.server.sysctl("net.ipv4.conf.eth0.proxy_arp", 1)
        self.server.run(["ip", "addr", "del", "10.77.1.9/24", "dev", "eth0"])
        self.lab.router.run(["ip", "neigh", "replace", "10.77.1.9", "dev", "server", "lladdr", self.mac()])
        self.client.knock("10.77.1.9", key, "web")
        self.other.knock(self.server, key, "web")
        self.assert_opens(self.other)
        self.assert_shut(self.client)
        self.assertGreaterEqual(guard.status()["packets"]["elsewhere"], ROUNDS)

    def mac(self):
        with self.server.inside(), open("/sys/class/net/eth0/address", encoding="ascii") as f:
            return f.read().strip()


if __name__ == "__main__":
    unittest.main()
