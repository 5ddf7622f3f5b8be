"""What the end-to-end tests have in common: a server, two clients, one guarded web server."""

import sys
import time
import unittest

from lab import CLOCK_ERROR, Lab, start_http, wait_for

PORT = 8080
POOL = "10000-60000"  # without PORT: trying the door is no SYN of a knock
WINDOW = 2            # granularity: short, so that tests need not wait long for the next window


class LabTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.server, self.client, self.other = (self.lab.host(n) for n in ("server", "client", "other"))
        self.guards = []

    def tearDown(self):
        told = self._outcome.result
        if any(self in (test, getattr(test, "test_case", None)) for test, _ in told.failures + told.errors):
            for guard in self.guards:
                print(f"--- {guard.config.read_text()}\n--- its log:\n{guard.log()}", file=sys.stderr)

    def shortDescription(self):
        return None  # the name says it

    def key(self, name="alice", **fields):
        return self.lab.key(name, **{"granularity": WINDOW, "ports": POOL, **fields})

    def guard(self, key, open_for=30, more="", sections=None, wait=True, **options):
        """A web server, and the program guarding it; `key` may open it. Returns when the first window that it accepts
        has begun (an empty state file makes older ones worthless)."""
        if not hasattr(self, "web"):
            self.web = start_http(self.server, PORT)
        options.setdefault("services", {"web": f"ports = tcp/{PORT}\nopen_for = {open_for}\n{more}"})
        options.setdefault("keys", {"alice": (key, "web")})
        guard = self.lab.chronoknock(self.server, sections=sections, **options)
        self.guards.append(guard)
        if wait:
            self.first_window(WINDOW)
        return guard

    def small_guard(self, key, sections=None, **options):
        """The same that remembers few addresses: a machine with other work to do takes seconds to lay out many."""
        return self.guard(key, sections={"knock": "tracked = 1024", **(sections or {})}, **options)

    def first_window(self, granularity):
        """Waits for the first window that a server accepts that has just begun with an empty state file."""
        return self.lab.next_window(granularity, after=time.time() + CLOCK_ERROR)

    def assert_shut(self, host, target=None, port=PORT, source=None, meets="silent"):
        self.assertEqual(host.door(target or self.server.ip4, port, source), meets)

    def assert_open(self, host, target=None, port=PORT, source=None):
        """Open now: one connection, however slow."""
        self.assertEqual(host.door(target or self.server.ip4, port, source, seconds=4), "open")

    def assert_opens(self, host, target=None, port=PORT, source=None):
        host.wait_open(target or self.server.ip4, port, source)

    def capture_knock(self, key, target=None, client=None, *options):
        """Knocks and returns the SYNs as an eavesdropper has them, once they have opened the door."""
        client = client or self.client
        target = target or self.server.ip4
        with_sniffer = self.lab.sniffer(self.server)
        client.knock(target, key, "web", *options)
        self.assert_opens(client, target)
        return [p for p in with_sniffer.syns(target=target) if p.port != PORT]

    def all_seen(self, key, host=None):
        """Returns when the server has seen all that was sent so far: a knock sent after it has opened its door."""
        host = host or self.other
        host.knock(self.server, key, "web")
        self.assert_opens(host)

    def wait_for(self, *args, **options):
        return wait_for(*args, **options)
