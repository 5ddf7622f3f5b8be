"""The time comes back soon after whatever kept it away: no network, a black hole, forged refusals; and who refuses is left
alone meanwhile."""

import json
import time
import unittest

from case import LabTest
from lab import start_chronyd
from ntslab import Middle


class Returns(LabTest):
    def setUp(self):
        super().setUp()
        self.alice = self.key()
        self.ntp = self.lab.host("ntp")

    def start(self, interval=64):
        return self.small_guard(self.alice, wait=False,
                                sections={"time": f"servers = {self.ntp.ip4}\ninterval = {interval}"})

    def accepting(self, guard):
        return guard.status()["accepting"]

    def wait_accepting(self, guard, why, seconds):
        self.wait_for(lambda: self.accepting(guard), why, seconds, every=0.1)

    def count_queries(self, verdict):
        """Counts from now on what goes to the time server."""
        self.lab.router_rules(f"ip daddr {self.ntp.ip4} udp dport 123 counter {verdict}")

    def queries(self):
        listed = json.loads(self.lab.router.run(["nft", "-j", "list", "table", "inet", "lab"]).stdout)
        rule = next(entry["rule"] for entry in listed["nftables"] if "rule" in entry)
        return next(e["counter"]["packets"] for e in rule["expr"] if "counter" in e)

    def in_a_black_hole(self):
        """A server whose queries vanish, at a moment when it has just asked, and will not ask by itself for long."""
        start_chronyd(self.ntp)
        self.count_queries("drop")
        guard = self.start()
        # A burst, one after 16 s, and the next after 32 s more.
        self.wait_for(lambda: self.queries() == 5, "five queries", 60, every=0.1)
        return guard

    def test_a_link_that_comes_up(self):
        start_chronyd(self.ntp)
        self.server.run(["ip", "link", "set", "eth0", "down"])
        guard = self.start()
        started = time.monotonic()
        guard.wait_log("Network is unreachable")
        # It looks ever more rarely, after 4, 12 and 28 s.
        self.wait_for(lambda: time.monotonic() > started + 13, "a while without a network", 20, every=0.1)
        self.assertFalse(self.accepting(guard))
        self.server.run(["ip", "link", "set", "eth0", "up"])
        self.server.run(["ip", "route", "replace", "default", "via", f"10.77.{self.server.number}.1"])
        self.wait_accepting(guard, "the time after the network", 12)

    def test_a_route_that_comes_back(self):
        guard = self.in_a_black_hole()
        asked = time.monotonic()
        self.lab.router_rules("")
        self.wait_for(lambda: time.monotonic() > asked + 17, "the next query to be decent", 20, every=0.1)
        self.assertFalse(self.accepting(guard))
        self.server.run(["ip", "route", "replace", "default", "via", f"10.77.{self.server.number}.1", "metric", "7"])
        guard.wait_log("the network changed; asking the servers", 12)
        self.wait_accepting(guard, "the time after the network", 12)

    def test_a_knock_that_comes_meanwhile(self):
        guard = self.in_a_black_hole()
        asked = time.monotonic()
        self.lab.router_rules("")
        self.wait_for(lambda: time.monotonic() > asked + 17, "the next query to be decent", 20, every=0.1)
        self.assertFalse(self.accepting(guard))
        self.client.knock(self.server, self.alice, "web")
        self.wait_accepting(guard, "the time after a knock", 12)

    def test_a_changing_network_bothers_no_server_that_does_not_answer(self):
        guard = self.in_a_black_hole()
        before = self.queries()
        end = time.monotonic() + 12
        while time.monotonic() < end:
            self.server.run(["ip", "address", "add", "10.79.0.1/24", "dev", "lo"])
            self.server.run(["ip", "address", "del", "10.79.0.1/24", "dev", "lo"])
        self.assertLessEqual(self.queries() - before, 1)
        self.assertEqual(guard.count_log("the network changed", 1), 1)

    def test_a_port_that_refuses_is_asked_ever_more_rarely(self):
        self.count_queries("accept")
        guard = self.start()
        guard.wait_log("Connection refused")
        started = time.monotonic()
        # One more after 16 s.
        self.wait_for(lambda: time.monotonic() > started + 25, "25 s to pass", 30, every=0.1)
        self.assertLessEqual(self.queries(), 2)
        self.assertEqual(guard.status()["time"]["servers"][0]["problem"], "Connection refused")

    def test_forged_refusals_do_not_outlast_the_forger(self):
        start_chronyd(self.ntp)
        sent = []

        def refuse(request, _):
            code = (b"DENY", b"RSTR")[len(sent) % 2]
            sent.append(code)
            return [bytes([0xE4, 0, 6, 0]) + bytes(8) + code + bytes(8) + request[40:48] + bytes(16)]
        middle = Middle(self.lab, self.server, self.ntp, change=refuse)
        self.addCleanup(middle.close)
        guard = self.start(interval=1)
        started = time.monotonic()
        self.wait_for(lambda: time.monotonic() > started + 20, "20 s of forgeries", 30, every=0.1)
        self.assertFalse(self.accepting(guard))
        self.assertIn("refuses us (", guard.status()["time"]["servers"][0]["problem"])
        middle.change = lambda _, reply: [reply]
        self.wait_accepting(guard, "the time after the forger", 40)
        self.assertGreaterEqual(len(sent), 3)


if __name__ == "__main__":
    unittest.main()
