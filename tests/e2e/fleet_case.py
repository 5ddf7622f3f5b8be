"""What the end-to-end tests of fleets have in common: a real etcd of three members with TLS, three hosts, two clients."""

import statistics
import sys
import time
import unittest

from case import POOL, PORT, WINDOW
from etcdlab import Cluster, Fleet, Wires
from lab import CLOCK_ERROR, Lab

AGREE = 5.0  # seconds after a healing


class FleetTest(unittest.TestCase):
    client_certificates = True
    more = ""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        members = [self.lab.host(f"e{i}") for i in range(3)]
        self.alpha, self.beta, self.gamma = self.hosts = [self.lab.host(n) for n in ("alpha", "beta", "gamma")]
        self.client, self.other = self.lab.host("client"), self.lab.host("other")
        self.cluster = Cluster(self.lab, members, client_certificates=self.client_certificates)
        self.wires = Wires(self.lab)
        self.fleet = None

    def tearDown(self):
        told = self._outcome.result
        if self.fleet and any(self in (test, getattr(test, "test_case", None)) for test, _ in told.failures + told.errors):
            for door in self.fleet.doors.values():
                print(f"--- {door.host.name}\n{door.log()}", file=sys.stderr)
            for m in self.cluster.members:
                print(f"--- {m.name}\n{m.process.text()[-2000:]}", file=sys.stderr)

    def shortDescription(self):
        return None

    def start(self, key=None, open_for=30, granularity=WINDOW, **options):
        self.key = key or self.lab.key("alice", granularity=WINDOW, ports=POOL)
        options.setdefault("more", self.more)
        self.fleet = Fleet(self.lab, self.cluster, self.hosts, self.key, port=PORT, open_for=open_for, **options)
        self.doors = [self.fleet.doors[h] for h in self.hosts]
        self.lab.next_window(granularity, after=time.time() + CLOCK_ERROR)

    def knock(self, host, client=None, *options, service="web"):
        (client or self.client).knock(host, self.key, service, *options)

    def wait_open(self, *hosts, client=None, seconds=20):
        for host in hosts or self.hosts:
            (client or self.client).wait_open(host.ip4, PORT, seconds=seconds)

    def assert_shut(self, *hosts, client=None):
        for host in hosts or self.hosts:
            self.assertEqual((client or self.client).door(host.ip4, PORT), "silent", host.name)

    def granted(self):
        return [d.status()["knocks"]["granted"] for d in self.doors]

    def run_on(self, door, *argv, check=True):
        return door.host.run([self.lab.program, *argv, "--control", door.control], check=check)

    def assert_answers(self, door):
        """Its loop goes on: one that is blocked has all wait, a stall of the machine's but some."""
        took = []
        for _ in range(20):
            begin = time.monotonic()
            self.run_on(door, "status")
            took.append(time.monotonic() - begin)
        self.assertLess(statistics.median(took), 1.5, took)

    def grant_names(self):
        return [name for name in self.cluster.keys() if "/grant/" in name]
